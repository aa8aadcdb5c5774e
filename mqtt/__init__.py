"""The MQTT core over paho that ingest and the simulators share.

`subscriber` receives and acknowledges by the batch, `publisher` sends through a window, both over one `connection` at a
time. Below them `packets` splits what comes in, and `client` is paho with that in place of its own reading. Names are
imported from these modules, so that a command which only needs `messages` does not load paho.
"""
