"""Tables with a field of every usual type."""

import uuid

from django.db import models
from django.db.models.functions import Lower


class Author(models.Model):
    """Somebody who may have learnt from somebody."""

    name = models.CharField(max_length=80, unique=True)
    email = models.EmailField(blank=True)
    born = models.DateField(null=True, blank=True)
    mentor = models.ForeignKey("self", models.SET_NULL, null=True, blank=True, related_name="pupils")
    is_active = models.BooleanField(default=True)
    ticket = models.UUIDField(default=uuid.uuid4, unique=True)

    def __str__(self) -> str:
        return self.name


class Tag(models.Model):
    """A word as its own key."""

    word = models.CharField(primary_key=True, max_length=30)

    def __str__(self) -> str:
        return self.word


class Book(models.Model):
    """One field of each type."""

    class Genre(models.TextChoices):
        NOVEL = "novel"
        PLAY = "play"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    title = models.CharField(max_length=200)
    body = models.TextField(blank=True)
    slug = models.SlugField(unique=True)
    homepage = models.URLField(null=True, blank=True)
    genre = models.CharField(max_length=10, choices=Genre.choices, default=Genre.NOVEL)
    price = models.DecimalField(max_digits=12, decimal_places=4, null=True, blank=True)
    weight = models.FloatField(null=True, blank=True)
    pages = models.PositiveIntegerField(default=1)
    shelf = models.SmallIntegerField(default=0)
    sold = models.BigIntegerField(default=0)
    next_page = models.GeneratedField(
        expression=models.F("pages") + 1, output_field=models.IntegerField(), db_persist=True
    )
    published = models.DateTimeField(null=True, blank=True)
    changed = models.DateTimeField(auto_now=True)
    opens = models.TimeField(null=True, blank=True)
    lent_for = models.DurationField(null=True, blank=True)
    facts = models.JSONField(null=True, blank=True)
    cover = models.BinaryField(null=True, blank=True)
    is_rare = models.BooleanField(null=True, blank=True)
    in_stock = models.BooleanField(default=False)
    bought_from = models.GenericIPAddressField(null=True, blank=True)
    scan = models.FileField(upload_to="scans", blank=True)
    authors = models.ManyToManyField(Author, related_name="books", blank=True)
    tags = models.ManyToManyField(Tag, through="Mark", blank=True)

    class Meta:
        indexes = [models.Index(Lower("title"), name="book_title_lower")]
        constraints = [
            models.CheckConstraint(condition=models.Q(pages__gt=0), name="book_has_pages"),
            models.UniqueConstraint(
                fields=["shelf"], condition=models.Q(is_rare=True), name="book_rare_alone"
            ),
        ]

    def __str__(self) -> str:
        return self.title


class Mark(models.Model):
    """A tag of a book, with the place it was put."""

    book = models.ForeignKey(Book, models.CASCADE)
    tag = models.ForeignKey(Tag, models.PROTECT)
    page = models.PositiveSmallIntegerField(default=0)

    class Meta:
        unique_together = [("book", "tag")]
