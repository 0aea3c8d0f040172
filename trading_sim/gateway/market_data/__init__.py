"""Market data of the gateway: top five levels and trades of every instrument; the bytes are described in `wire`."""
