"""A first real installation: the first administrator, roles and who has them, one's own password."""

import re
from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission
from django.core.management import call_command
from django.test import Client

from core.accounts.models import User
from core.accounts.policies import is_signed_in, may_change_stock, may_move_orders
from core.accounts.roles import ROLES
from core.accounts.throttle import PER_NAME
from tests.support.databases import Database
from tests.support.people import buyer, staff
from tests.support.shop import a_customer

pytestmark = pytest.mark.usefixtures("database")


@pytest.fixture
def client(settings: Any) -> Client:
    """A browser, and passwords that are looked at in no time."""
    settings.ALLOWED_HOSTS = ["testserver"]
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    return Client()


@pytest.fixture
def admin(client: Client) -> Client:
    """A superuser's browser."""
    client.force_login(User.objects.create_superuser("root", password="demo-only"))
    return client


def test_the_first_administrator_is_made_by_djangos_own_command(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`createsuperuser` asks for no more than Django does, and its user comes into the admin."""
    monkeypatch.setenv("DJANGO_SUPERUSER_PASSWORD", "ebb-and-flow-7")
    call_command("createsuperuser", interactive=False, username="root", email="root@example.com", verbosity=0)
    sent = {"username": "root", "password": "ebb-and-flow-7", "next": "/admin/"}
    assert client.post("/admin/login/", sent).status_code == 302
    assert client.get("/admin/").status_code == 200


def test_the_shops_roles_are_there_after_migrating() -> None:
    """With the permissions that the pages ask for."""
    for name, rights in ROLES.items():
        found = Group.objects.get(name=name).permissions.select_related("content_type")
        assert {f"{each.content_type.app_label}.{each.codename}" for each in found} == set(rights)


def test_migrating_again_changes_no_role_back() -> None:
    """What an administrator made of a role stays; one that is missing is made again."""
    warehouse = Group.objects.get(name="warehouse")
    warehouse.permissions.clear()
    Group.objects.get(name="sales").delete()
    call_command("migrate", verbosity=0)
    assert not warehouse.permissions.exists()
    assert Group.objects.get(name="sales").permissions.count() == len(ROLES["sales"])


def test_roles_give_the_rights_that_pages_ask_for() -> None:
    """To staff alone: a customer in the group of that name may do no more than before."""
    worker, seller, both = staff("worker"), staff("seller"), staff("both")
    for user, names in ((worker, ["warehouse"]), (seller, ["sales"]), (both, ["warehouse", "sales"])):
        user.groups.set(Group.objects.filter(name__in=names))
    found = {user.username: (may_change_stock(user), may_move_orders(user)) for user in (worker, seller, both)}
    assert found == {"worker": (True, False), "seller": (False, True), "both": (True, True)}
    outsider = buyer("outsider", a_customer())
    outsider.groups.set(Group.objects.all())
    nobody = staff("nobody")
    for user in (outsider, nobody):
        assert (may_change_stock(user), may_move_orders(user), is_signed_in(user)) == (False, False, True)
    nobody.is_superuser = True
    assert may_change_stock(nobody)
    nobody.is_active = False
    assert not may_change_stock(nobody)


def test_roles_and_customers_are_given_in_the_admin(admin: Client) -> None:
    """On the user's page, or from the role's: who has it is listed there."""
    anna, acme = staff("anna"), a_customer(name="Acme")
    page = admin.get(f"/admin/accounts/user/{anna.pk}/change/")
    form = {name: value or "" for name, value in page.context["adminform"].form.initial.items()}
    sales = Group.objects.get(name="sales")
    kept = {key: value for key, value in form.items() if key not in ("last_login", "date_joined", "password")}
    sent = {**kept, "groups": [sales.pk], "customer": acme.pk, "user_permissions": []}
    sent |= {"is_staff": "on", "is_active": "on", "date_joined_0": "2026-01-01", "date_joined_1": "00:00"}
    answer = admin.post(f"/admin/accounts/user/{anna.pk}/change/", sent)
    assert answer.status_code == 302, answer.context["errors"]
    anna.refresh_from_db()
    assert ([group.name for group in anna.groups.all()], anna.customer) == (["sales"], acme)
    listed = admin.get("/admin/accounts/user/").content.decode()
    assert re.search(r"field-roles[^>]*>sales<", listed)
    assert admin.get(f"/admin/accounts/user/?groups__id__exact={sales.pk}").status_code == 200
    assert "anna" in admin.get(f"/admin/auth/group/{sales.pk}/change/").content.decode()
    assert re.search(r"field-members[^>]*>1<", admin.get("/admin/auth/group/").content.decode())
    assert "anna" in admin.get(f"/admin/accounts/customer/{acme.pk}/change/").content.decode()


def test_the_lists_of_the_admin_take_few_queries(admin: Client, django_assert_max_num_queries: Any) -> None:
    """However many rows they show."""
    acme = a_customer()
    for number in range(30):
        buyer(f"user{number}", acme).groups.add(Group.objects.get(name="sales"))
    for page in ("/admin/accounts/user/", "/admin/auth/group/", "/admin/accounts/customer/"):
        with django_assert_max_num_queries(14):
            assert admin.get(page).status_code == 200


def test_ones_own_password_is_changed_with_the_old_one(client: Client) -> None:
    """One stays signed in, and is told that everyone else is not."""
    client.force_login(buyer("anna", None))
    new = {"new_password1": "ebb-and-flow-7", "new_password2": "ebb-and-flow-7"}
    answer = client.post("/password/", {"old_password": "demo-only", **new}, follow=True)
    assert answer.redirect_chain == [("/password/changed/", 302)]
    assert "still signed in" in answer.content.decode()
    assert User.objects.get().check_password("ebb-and-flow-7")


def test_what_is_wrong_with_a_password_is_said_at_its_box(client: Client) -> None:
    """The old one that is another, the new one that is too easy, the repetition that differs."""
    client.force_login(buyer("annabella", None))
    sent = {"old_password": "wrong", "new_password1": "annabel", "new_password2": "other"}
    errors = client.post("/password/", sent).context["form"].errors
    assert set(errors) == {"old_password", "new_password1", "new_password2"}
    assert "similar to the username" in str(errors["new_password1"])
    assert "too short" in str(errors["new_password1"])
    assert User.objects.get().check_password("demo-only")


def test_the_old_password_can_not_be_guessed_either(client: Client) -> None:
    """A browser left open gives as many tries as the door; a right one with a wrong new one costs none."""
    client.force_login(buyer("anna", None))
    easy = {"old_password": "demo-only", "new_password1": "1", "new_password2": "1"}
    assert {client.post("/password/", easy).status_code for _ in range(PER_NAME * 2)} == {200}
    wrong = {"old_password": "wrong", "new_password1": "ebb-and-flow-7", "new_password2": "ebb-and-flow-7"}
    answers = [client.post("/password/", wrong) for _ in range(PER_NAME)]
    assert [answer.status_code for answer in answers] == [200] * (PER_NAME - 1) + [429]
    assert "Change your password" in answers[-1].content.decode()
    assert client.post("/password/", {**wrong, "old_password": "demo-only"}).status_code == 429
    assert User.objects.get().check_password("demo-only")


def test_nobody_changes_a_password_without_being_signed_in(client: Client) -> None:
    """They are led to the door, and back."""
    assert client.get("/password/")["Location"] == "/sign-in/?next=/password/"


def test_a_permission_that_no_role_has_is_still_given_by_hand(database: Database) -> None:
    """Roles are a convenience: what counts is the permission."""
    user = staff("worker")
    user.user_permissions.add(Permission.objects.get(codename="change_stocklevel"))
    assert may_change_stock(User.objects.get())
