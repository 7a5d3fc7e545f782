"""The few HTTP doors between services: one file per door-keeper, with its messages and a typed client."""
