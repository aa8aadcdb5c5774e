r"""Which counter asks for somebody: one that counts otherwise than its witnesses, one that is silent and costs most.

daily figures -> witnesses (cusum) -> doubts ---\
    estimates of the month -> silence_costs -> silences -> stored -> pages, which read them in milliseconds
"""
