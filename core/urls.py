"""The site's addresses."""

from django.contrib import admin
from django.urls import include, path

from realtime.views import healthz, metrics_page, readyz

urlpatterns = [
    path("", include("core.pages.urls")),
    path("", include("core.accounts.urls")),
    path("admin/", admin.site.urls),
    path("healthz", healthz),
    path("readyz", readyz),
    path("metrics", metrics_page),
]
