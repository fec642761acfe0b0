"""The site's addresses."""

from django.contrib import admin
from django.urls import include, path

from core.api import api

urlpatterns = [
    path("", include("core.pages.urls")),
    path("", include("core.accounts.urls")),
    path("admin/", admin.site.urls),
    path("api/", api.urls),
]
