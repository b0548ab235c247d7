"""What the compose stack is made of: images, secrets and the checks of a running stack."""
