"""FIX 4.4 sessions of the gateway: framing and fields with simplefix, the session's rules, and orders as FIX writes them."""
