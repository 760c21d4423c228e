"""Where the values of a rule come from: candidates, ownership of helpers, data flow."""
