"""notify 通知: the only mouth. It owns the address book, the templates, the inbox of every
resident and what became of each message; it decides nothing about requests or points."""
