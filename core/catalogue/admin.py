"""Materials in the admin."""

from django.contrib import admin

from core.catalogue.models import Material


@admin.register(Material)
class MaterialAdmin(admin.ModelAdmin):
    """Materials; prices can be changed in the list."""

    list_display = ["name", "category", "form", "grade", "price_per_kg", "currency", "density_kg_per_m3", "archived"]
    list_editable = ["price_per_kg", "archived"]
    list_filter = ["archived", "category"]
    search_fields = ["name", "slug", "grade"]
    prepopulated_fields = {"slug": ["name"]}
