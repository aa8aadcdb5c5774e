r"""What is wrong, who is told of it, and what became of it.

    store -> findings (what is wrong now, by the rules) -> keeper -> alerts in the store -> notice -> addresses
    people: page, command line -> answers (acknowledge, snooze, resolve) in the store -> keeper

`rules` says what an alert of each kind is and what to do; Grafana's rules are made of the same.
"""
