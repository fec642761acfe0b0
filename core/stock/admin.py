"""Warehouses and stock levels in the admin."""

from django.contrib import admin

from core.stock.models import StockLevel, Warehouse


@admin.register(Warehouse)
class WarehouseAdmin(admin.ModelAdmin):
    """Warehouses."""

    list_display = ["code", "name", "city"]
    search_fields = ["code", "name", "city"]


@admin.register(StockLevel)
class StockLevelAdmin(admin.ModelAdmin):
    """Stock levels. What orders have reserved is theirs to change."""

    list_display = ["material", "warehouse", "on_hand", "reserved", "reorder_below", "updated_at"]
    list_filter = ["warehouse", "material__category"]
    list_select_related = ["material", "warehouse"]
    search_fields = ["material__name", "material__slug"]
    autocomplete_fields = ["material", "warehouse"]
    readonly_fields = ["reserved", "updated_at"]
