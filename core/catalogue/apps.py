"""The catalogue app."""

from django.apps import AppConfig


class CatalogueConfig(AppConfig):
    """Materials."""

    name = "core.catalogue"
    label = "catalogue"
