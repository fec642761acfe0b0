"""The site's addresses."""

from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("", include("core.pages.urls")),
    path("", include("core.accounts.urls")),
    path("admin/", admin.site.urls),
]
