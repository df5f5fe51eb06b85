"""Takes due work from the ledger and walks it through the stages.

``stages`` goes from an event to a decision, ``delivery`` from what is owed to what was sent,
``service`` keeps threads at both. What is decided is ``core``'s to say.
"""
