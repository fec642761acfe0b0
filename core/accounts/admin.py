"""People and rights in the admin: users, roles and their members, customers and their people, keys, failed sign-ins."""

from typing import Any

from axes.models import AccessAttempt
from django.contrib import admin, messages
from django.contrib.auth.admin import GroupAdmin, UserAdmin
from django.contrib.auth.models import Group
from django.db.models import Count, QuerySet
from django.http import HttpRequest

from core.accounts.keys import revoke_keys
from core.accounts.models import ApiKey, Customer, User
from core.accounts.throttle import WRONG

admin.site.site_header = admin.site.site_title = "Tideline"
admin.site.index_title = "Administration"

BUYING: tuple[str, Any] = ("Buying", {"fields": ["customer"]})
WORKING: tuple[str, Any] = ("Working here", {"fields": ["is_staff", "groups"]})


class BuyerInline(admin.TabularInline):
    """The people who buy for a customer; who they are is said on their own page."""

    model = User
    extra = 0
    fields = ["username", "email", "is_active", "last_login"]
    readonly_fields = ["username", "email", "is_active", "last_login"]
    show_change_link = True
    can_delete = False
    verbose_name_plural = "people who buy for this customer"

    def has_add_permission(self, request: HttpRequest, obj: Customer | None = None) -> bool:
        """Leave making people to the users' own page, where they get a password."""
        return False


@admin.register(Customer)
class CustomerAdmin(admin.ModelAdmin):
    """Customers, and who buys for them."""

    list_display = ["name", "city", "country", "people", "created_at"]
    search_fields = ["name", "city"]
    inlines = [BuyerInline]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Customer]:
        """Return the customers with how many people buy for each."""
        customers: QuerySet[Customer] = super().get_queryset(request)
        return customers.annotate(people=Count("users"))

    @admin.display(ordering="people")
    def people(self, customer: Any) -> int:
        """How many people buy for the customer."""
        return int(customer.people)


@admin.register(User)
class PersonAdmin(UserAdmin):
    """Users, with their roles and the customer that they buy for."""

    list_display = ["username", "name", "roles", "customer", "is_staff", "is_active", "last_login"]
    list_filter = ["is_staff", "is_active", "is_superuser", "groups", ("customer", admin.RelatedOnlyFieldListFilter)]
    list_select_related = ["customer"]
    search_fields = ["username", "first_name", "last_name", "email", "customer__name"]
    autocomplete_fields = ["customer"]
    fieldsets = [*(UserAdmin.fieldsets or []), BUYING]
    add_fieldsets = [*UserAdmin.add_fieldsets, WORKING, BUYING]

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        """Return the users with their roles."""
        return super().get_queryset(request).prefetch_related("groups")

    @admin.display(ordering="last_name")
    def name(self, user: User) -> str:
        """First and last name."""
        return user.get_full_name()

    @admin.display
    def roles(self, user: User) -> str:
        """The names of the roles."""
        return ", ".join(sorted(group.name for group in user.groups.all()))


class MemberInline(admin.TabularInline):
    """Who has a role."""

    model = User.groups.through
    extra = 1
    autocomplete_fields = ["user"]
    verbose_name = "member"
    verbose_name_plural = "members"


admin.site.unregister(Group)


@admin.register(Group)
class RoleAdmin(GroupAdmin):
    """Roles: what their members may do, and who they are."""

    list_display = ["name", "members", "rights"]
    inlines = [MemberInline]

    class Media:
        css = {"all": ["core/css/admin.css"]}

    def get_queryset(self, request: HttpRequest) -> QuerySet[Group]:
        """Return the roles with how many people and permissions each has."""
        counted = {"members": Count("user", distinct=True), "rights": Count("permissions", distinct=True)}
        return super().get_queryset(request).annotate(**counted)

    @admin.display(ordering="members")
    def members(self, group: Any) -> int:
        """How many people have the role."""
        return int(group.members)

    @admin.display(ordering="rights", description="permissions")
    def rights(self, group: Any) -> int:
        """How many permissions the role gives."""
        return int(group.rights)


@admin.register(ApiKey)
class ApiKeyAdmin(admin.ModelAdmin):
    """API keys, to look at and to revoke. `manage.py api_key create` makes them and shows each token once."""

    list_display = ["name", "token", "purposes", "created_at", "last_used_at", "revoked_at"]
    list_filter = [("revoked_at", admin.EmptyFieldListFilter)]
    search_fields = ["name", "prefix"]
    fields = ("name", "token", "purposes", "created_at", "last_used_at", "revoked_at")
    readonly_fields = fields
    actions = ["revoke"]

    @admin.display(description="starts with")
    def token(self, key: ApiKey) -> str:
        """The part of the token that is no secret."""
        return f"tl_{key.prefix}_"

    @admin.display(description="scopes")
    def purposes(self, key: ApiKey) -> str:
        """What the key is for."""
        return ", ".join(key.scopes)

    @admin.action(description="Revoke the selected API keys", permissions=["change"])
    def revoke(self, request: HttpRequest, chosen: QuerySet[ApiKey]) -> None:
        """End the chosen keys at once."""
        count = revoke_keys(list(chosen.values_list("pk", flat=True)))
        self.message_user(request, f"{count} revoked; tools that use them are refused from now on.", messages.SUCCESS)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Leave making keys to the command, which shows the token once."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: ApiKey | None = None) -> bool:
        """Keep what was: a revoked key stays to be seen."""
        return False


@admin.register(AccessAttempt)
class FailedSignInAdmin(admin.ModelAdmin):
    """Who mistyped a password lately, and from where. Deleting a row lets them try again at once."""

    list_display = ["username", "ip_address", "failures_since_start", "attempt_time"]
    search_fields = ["username", "ip_address"]
    fields = ("username", "ip_address", "failures_since_start", "attempt_time")
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Leave out the attempts that are under way."""
        return super().get_queryset(request).filter(user_agent=WRONG)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Leave counting to the throttle."""
        return False
