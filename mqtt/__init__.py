"""The MQTT core over paho that ingest and the simulators share.

    broker -> client (packets) -> connection -> subscriber -> whoever decodes, commits and acknowledges
    source -> publisher (window) -> connection -> client -> broker

A `connection` is used once, `subscriber` and `publisher` outlive it; `protocol` is the fallback from MQTT 5 to 3.1.1.
A command that only needs `messages` does not load paho.
"""
