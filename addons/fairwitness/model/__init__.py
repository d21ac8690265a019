"""What are we talking about?  The nouns: frozen, slotted, standard library only."""
