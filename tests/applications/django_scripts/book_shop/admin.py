"""The admin of the shop."""

from django.contrib import admin

from book_shop.models import Author, Book, Tag

admin.site.register([Author, Book, Tag])
