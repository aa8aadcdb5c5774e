"""The MQTT core over paho that ingest and the simulators share: receive, acknowledge and publish by the batch."""
