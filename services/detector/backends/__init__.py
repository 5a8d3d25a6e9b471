"""The model's forward pass behind one small interface; one file per technology."""
