"""Settings: flags over environment over file over what `coder login` left."""
