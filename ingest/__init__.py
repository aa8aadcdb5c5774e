"""From the broker to the store: receive, decode, buffer durably, write. `pipeline` draws the way and wires it."""
