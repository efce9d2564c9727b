"""The only package that imports Textual: app, screens, panes, widgets, styles."""
