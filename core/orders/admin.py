"""Orders in the admin: to look at, to reassign and to archive; steps are taken by the services."""

from django.contrib import admin
from django.http import HttpRequest

from core.orders.models import Order, OrderEvent, OrderLine

PLACED = ("position", "material", "warehouse", "quantity_kg", "unit_price", "total")
"""What a line was placed with, and keeps."""


class LineInline(admin.TabularInline):
    """The lines of an order, as they were placed."""

    model = OrderLine
    extra = 0
    can_delete = False
    fields = PLACED
    readonly_fields = PLACED

    def has_add_permission(self, request: HttpRequest, obj: Order | None = None) -> bool:
        """Keep lines to what was reserved when the order was placed."""
        return False


class EventInline(admin.TabularInline):
    """What happened to an order; a remark can be added, nothing can be changed."""

    model = OrderEvent
    extra = 0
    can_delete = False
    fields = ["kind", "message", "actor", "at"]

    def has_change_permission(self, request: HttpRequest, obj: Order | None = None) -> bool:
        """Keep what has happened."""
        return False


@admin.register(Order)
class OrderAdmin(admin.ModelAdmin):
    """Orders with their lines and events."""

    list_display = ["number", "customer_name", "status", "total", "currency", "placed_at", "archived"]
    list_filter = ["archived", "status", "customer"]
    search_fields = ["number", "customer_name"]
    autocomplete_fields = ["customer"]
    readonly_fields = ["status", "total", "currency", "placed_at", "updated_at"]
    inlines = [LineInline, EventInline]


@admin.register(OrderLine)
class OrderLineAdmin(admin.ModelAdmin):
    """Lines of all orders, to look something up."""

    list_display = ["order", "position", "material_name", "quantity_kg", "unit_price", "total"]
    list_select_related = ["order"]
    search_fields = ["order__number", "material_name"]
    readonly_fields = ("order", *PLACED)


@admin.register(OrderEvent)
class OrderEventAdmin(admin.ModelAdmin):
    """Events of all orders, to look something up."""

    list_display = ["at", "order", "kind", "message", "actor"]
    list_filter = ["kind"]
    list_select_related = ["order"]
    search_fields = ["order__number", "message", "actor"]
    autocomplete_fields = ["order"]
    readonly_fields = ["order", "kind", "message", "actor", "at"]
