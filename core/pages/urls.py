"""Addresses of the pages."""

from django.urls import path

from core.pages import views

urlpatterns = [
    path("", views.home, name="home"),
    path("stock/", views.stock, name="stock"),
    path("materials/", views.materials, name="materials"),
    path("orders/", views.orders, name="orders"),
    path("orders/<str:number>/", views.order, name="order"),
]
