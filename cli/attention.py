"""`hubpulse usage witnesses|attention`: which counters are in doubt, and which silence costs most."""

from __future__ import annotations

import json
import time

from cli.asking import HubOption, asking, tell_unfinished
from cli.context import DataOption, EstateOption, JsonOption, load_settings, out


def witnesses(
    hub: HubOption = None, data: DataOption = None, estate: EstateOption = None, as_json: JsonOption = False
) -> None:
    """Hold each counter against its Wi-Fi, its exits and the other hubs, and say since when it counts otherwise.

    Of each witness it says what it can find; nothing of it changes a figure.
    """
    from cli.attention_views import doubt_as_json, ratio_as_json, ratio_as_text
    from usage.attention.stored import hear_stored

    with asking(load_settings(data=data, estate=estate)) as (queries, _known):
        tell_unfinished(queries)
        hubs, today, heard = set(queries.hubs(hub)), queries.today(), hear_stored(queries)
    doubts = [doubt for doubt in heard.doubts if doubt.hub in hubs]
    ratios = [ratio for ratio in heard.ratios if ratio.hub in hubs]
    if as_json:
        found = {"doubts": [*map(doubt_as_json, doubts)], "witnesses": [*map(ratio_as_json, ratios)]}
        print(json.dumps(found, indent=2))
        return
    for doubt in doubts:
        of_hub = "" if doubt.door is None else f"{doubt.hub} "
        out.print(f"{of_hub}{doubt.sentence(today)}")
    if not doubts:
        out.print("No counter is in doubt.")
    out.print("what the witnesses can tell")
    for ratio in ratios:
        out.print(f"  {ratio_as_text(ratio)}")
    if not ratios:
        out.print("  nothing yet: no day was counted")


def attention(
    hub: HubOption = None, data: DataOption = None, estate: EstateOption = None, as_json: JsonOption = False
) -> None:
    """List the counters that are silent, stray or in doubt, the one first whose silence costs the month most.

    Ranked by half of the 90 % interval, in people, as it would be after seven more days of silence.
    """
    from cli.attention_views import doubt_as_json, silence_as_json, silences_as_text
    from usage.attention.silence_costs import silences
    from usage.attention.strays import stray_doors

    with asking(load_settings(data=data, estate=estate)) as (queries, known):
        tell_unfinished(queries)
        (*hubs,), today = queries.hubs(hub), queries.today()
        quiet = silences(queries, known, hub)
        strays = list(stray_doors(queries.sensors, known, time.time_ns(), hub))
        standing = [d for d in queries.stored_doubts(today, today) if d.wants_attention and d.hub in hubs]
    if as_json:
        found = {"silences": [*map(silence_as_json, quiet)], "strays": [stray.row() for stray in strays]}
        print(json.dumps(found | {"doubts": [*map(doubt_as_json, standing)]}, indent=2))
        return
    names = {each.id: each.name for each in known.hubs}
    for line in silences_as_text(quiet, names, today):
        out.print(line)
    for stray in strays:
        out.print(f"{names.get(stray.hub) or stray.hub} {stray.sentence(today)}: {stray.advice}")
    for doubt in standing:
        out.print(f"{names.get(doubt.hub) or doubt.hub} {doubt.sentence(today)}")
    if not quiet and not strays and not standing:
        out.print("Every counter sends, and none is in doubt.")
