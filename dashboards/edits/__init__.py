r"""What admins change in the browser: the board writes down what is asked for, and jobs does it.

    form -> preview (nothing written) -> edits.db, with the estate file's hash -> writer (jobs) -> estate file,
                                              ^                                      |            quarantine
                                              \------ what became of it -------------/

The board needs no right to write the estate file, the buffer or the quarantine. The writer takes only what `requests`
names: opening times and closures, a sensor for a waiting device, refused messages to be sent again.
"""
