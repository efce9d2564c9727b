"""The embedded terminal without a widget: pyte behind a guard."""
