"""`hubpulse alerts`: what is wrong, who was told, what somebody does about it, and by which rules."""

from __future__ import annotations

import json
import time
from contextlib import closing
from typing import TYPE_CHECKING, Annotated

import typer

from cli.context import DataOption, EstateOption, JsonOption, estate_of, load_settings, new_app, out, store_of
from schemas import HubpulseError

if TYPE_CHECKING:
    from dashboards.alerts.history import Alert, What
    from dashboards.alerts.rules import Rule
    from schemas import Estate, Settings

_DAY_S = 86_400

app = new_app(help="What is wrong and who was told: list, acknowledge, snooze, resolve; send a test notice.")

IdArgument = Annotated[str, typer.Argument(help="The alert's id, or its first four characters or more.")]
ByOption = Annotated[str, typer.Option("--by", help="Who you are; it is shown beside the alert.")]


@app.command("list", epilog="Example: hubpulse alerts list --all")
def list_(
    everything: Annotated[bool, typer.Option("--all", help="Those that are over, too.")] = False,
    data: DataOption = None,
    estate: EstateOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the open alerts, the latest first, and the notices of the last day that did not go."""
    from dashboards.alerts.history import DAY_NS, read_alerts
    from dashboards.alerts.outbox import read_notices
    from dashboards.alerts.rules import rules_of
    from dashboards.api.alerts import rows

    settings = load_settings(data=data, estate=estate)
    known, now_ns = estate_of(settings), time.time_ns()
    with closing(store_of(settings)) as store:
        found = [alert for alert in read_alerts(store, now_ns, rules_of(known)) if everything or alert.is_open]
        unsent = [sent for sent in read_notices(store, now_ns - DAY_NS, now_ns) if sent.tries and not sent.sent_ns]
    if as_json:
        print(json.dumps(list(rows(found, known)), indent=2))
        return
    for alert in found:
        out.print(_line(alert, known, now_ns))
    if not found:
        out.print("No alert is open." if not everything else "There was no alert yet.")
    if off := [name for name, rule in rules_of(known).items() if rule.is_off]:
        out.print(f"turned off in the estate file, and not looked for: {', '.join(off)}")
    for sent in unsent:
        address = sent.address.removeprefix("to-")
        out.print(
            f"a notice did not go to address {address}, tried {sent.tries} times: `hubpulse alerts test` says why"
        )


def _line(alert: Alert, estate: Estate, now_ns: int) -> str:
    from dashboards.alerts import wording

    zone = wording.zone_of(estate, alert.key)
    parts = [
        f"{alert.id[:6]} {alert.rule.severity}: {wording.sentence(wording.names_of(estate), alert)}",
        f"since {wording.since(alert, zone)}",
    ]
    if alert.closed_ns:
        by = f" (resolved by {alert.resolved_by or 'somebody'})" if alert.by_hand else ""
        parts.append(f"over since {wording.moment(alert.closed_ns, zone)}{by}")
    elif alert.acknowledged_by is not None:
        parts.append(f"acknowledged by {alert.acknowledged_by or 'somebody'}")
    elif alert.is_snoozed(now_ns):
        parts.append(f"snoozed until {wording.moment(alert.snoozed_until_ns, zone)}")
    return ", ".join(parts)


@app.command("rules", epilog="Example: hubpulse alerts rules --estate estate.yaml")
def rules(data: DataOption = None, estate: EstateOption = None, as_json: JsonOption = False) -> None:
    """Show every rule as the estate file has it: off or how bad it is, how long it waits, and its numbers."""
    from dashboards.alerts.rules import rules_of

    found = rules_of(estate_of(load_settings(data=data, estate=estate)))
    if as_json:
        print(json.dumps([_rule_row(rule) for rule in found.values()], indent=2))
        return
    for rule in found.values():
        parts = [f"{rule.name}: {'off' if rule.is_off else rule.severity}", rule.heading]
        parts += [f"waits {rule.hold_s} s"] if rule.hold_s else []
        out.print(", ".join([*parts, *(f"{name} {number:g}" for name, number in rule.numbers.items())]))


def _rule_row(rule: Rule) -> dict[str, object]:
    shown = {"rule": rule.name, "title": rule.heading, "off": rule.is_off, "severity": rule.severity.value}
    return {**shown, "wait_s": rule.hold_s, "numbers": dict(rule.numbers)}


@app.command("ack", epilog="Example: hubpulse alerts ack 3f2a91 --by sam")
def ack(alert_id: IdArgument, by: ByOption = "", data: DataOption = None) -> None:
    """Acknowledge an alert: somebody sees to it, and nobody is told of it again until it is over."""
    from dashboards.alerts.history import What

    _answer(alert_id, What.ACKNOWLEDGE, by, load_settings(data=data))
    out.print("acknowledged: nobody is told of it again until it is over")


@app.command("snooze", epilog="Example: hubpulse alerts snooze 3f2a91 --days 3")
def snooze(
    alert_id: IdArgument,
    days: Annotated[float, typer.Option("--days", min=0.01, max=90, help="For how long.")] = 1,
    by: ByOption = "",
    data: DataOption = None,
) -> None:
    """Snooze an alert: people are told again if it is still so after that time."""
    from dashboards.alerts.history import What

    _answer(alert_id, What.SNOOZE, by, load_settings(data=data), snooze_s=int(days * _DAY_S))
    out.print("snoozed: people are told again if it is still so then")


@app.command("resolve", epilog="Example: hubpulse alerts resolve 3f2a91 --by sam")
def resolve(alert_id: IdArgument, by: ByOption = "", data: DataOption = None) -> None:
    """Close an alert by hand, such as of a sensor that is gone. It is raised again only after it was well meanwhile."""
    from dashboards.alerts.history import What

    _answer(alert_id, What.RESOLVE, by, load_settings(data=data))
    out.print("resolved: it is raised again only after it was well meanwhile")


def _answer(alert_id: str, what: What, by: str, settings: Settings, *, snooze_s: int = 0) -> None:
    from dashboards.alerts.history import answer, find, read_alerts

    now_ns = time.time_ns()
    with closing(store_of(settings)) as store:
        alert = find(read_alerts(store, now_ns), alert_id)
        answer(store, alert, what, author=by, now_ns=now_ns, snooze_s=snooze_s)


@app.command("test", epilog="Example: hubpulse alerts test")
def send_test(data: DataOption = None, estate: EstateOption = None) -> None:
    """Send a test notice to every address, and say of each whether it went. Exit code 1 where one did not."""
    from dashboards.alerts.addresses import addresses_of

    settings = load_settings(data=data, estate=estate)
    known = estate_of(settings)
    addresses = addresses_of(settings, known)
    if not addresses:
        raise HubpulseError("nobody is told of alerts: add `alerts: {to: [...]}` to the estate file (docs/alerts.md)")
    name = known.name or "Hubpulse"
    failed = False
    for address in addresses:
        problem = address.send(f"{name}: a test", "This is a test: alerts of Hubpulse will come here.")
        failed |= problem is not None
        out.print(f"address {address.label}: {'sent' if problem is None else f'not sent: {problem}'}")
    if failed:
        raise typer.Exit(1)
