"""The MQTT core over paho that ingest and the simulators share.

`Subscriber` receives and acknowledges by the batch, `Publisher` sends through a window, both over one `Connection` at a
time. Below them `packets` splits what comes in, and `client` is paho with that in place of its own reading.
"""

from mqtt.messages import Message
from mqtt.publisher import Pace, Publisher
from mqtt.subscriber import Subscriber

__all__ = ["Message", "Pace", "Publisher", "Subscriber"]
