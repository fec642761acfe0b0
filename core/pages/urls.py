"""Addresses of the pages."""

from django.urls import path

from core.pages import views
from core.pages.board import board
from core.pages.material import material
from core.pages.notifications import notifications

urlpatterns = [
    path("", views.home, name="home"),
    path("stock/", views.stock, name="stock"),
    path("materials/", views.materials, name="materials"),
    path("materials/<slug:slug>/", material, name="material"),
    path("notifications/", notifications, name="notifications"),
    path("orders/", views.orders, name="orders"),
    path("orders/board/", board, name="board"),
    path("orders/<str:number>/", views.order, name="order"),
]
