"""Messages that leave by e-mail: the sender, and files in place of a mail server."""
