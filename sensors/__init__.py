"""What is out in the field: the topic grammar, payload formats, device decoders and the estate's registry."""
