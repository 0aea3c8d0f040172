"""The binary session protocol of the gateway; its bytes are described in `wire`."""
