"""What a topic filter covers."""

from hypothesis import example, given
from hypothesis import strategies as st
from paho.mqtt.client import topic_matches_sub

from mqtt.messages import covers

LEVEL = st.sampled_from(["", "a", "b", "$x"])


@given(st.lists(LEVEL | st.just("+"), max_size=4), st.booleans(), st.lists(LEVEL, min_size=1, max_size=4).map("/".join))
@example(["hubs"], True, "hubs")
@example([], True, "$SYS/uptime")
def test_a_filter_covers_what_the_broker_would_send(levels: list[str], more: bool, topic: str) -> None:
    topic_filter = "/".join([*levels, "#"] if more or not levels else levels)
    assert covers(topic_filter, topic) == topic_matches_sub(topic_filter, topic)
