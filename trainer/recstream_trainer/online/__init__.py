"""What a server's log says of the models that answered: click rates, and what another model would have been worth."""
