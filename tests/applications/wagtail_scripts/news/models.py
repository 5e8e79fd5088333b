"""A page with blocks, pictures and tags, and a snippet."""

from django.db import models
from modelcluster.contrib.taggit import ClusterTaggableManager
from modelcluster.fields import ParentalKey
from taggit.models import TaggedItemBase
from wagtail import blocks
from wagtail.fields import RichTextField, StreamField
from wagtail.images.blocks import ImageBlock
from wagtail.models import DraftStateMixin, Page, RevisionMixin
from wagtail.search import index
from wagtail.snippets.models import register_snippet


class NewsTag(TaggedItemBase):
    """A tag of a page."""

    content_object = ParentalKey("NewsPage", on_delete=models.CASCADE, related_name="tagged_items")


@register_snippet
class Author(DraftStateMixin, RevisionMixin, index.Indexed, models.Model):
    """Somebody who writes."""

    name = models.CharField(max_length=80)
    born = models.DateField(null=True, blank=True)
    search_fields = (index.SearchField("name"), index.AutocompleteField("name"))

    def __str__(self) -> str:
        return self.name


class NewsPage(Page):
    """Something new."""

    intro = RichTextField(blank=True)
    body = StreamField(
        [("heading", blocks.CharBlock()), ("text", blocks.RichTextBlock()), ("picture", ImageBlock()),
         ("list", blocks.ListBlock(blocks.IntegerBlock()))],
        blank=True,
    )  # fmt: skip
    picture = models.ForeignKey(
        "wagtailimages.Image", models.SET_NULL, null=True, blank=True, related_name="+"
    )
    author = models.ForeignKey(Author, models.SET_NULL, null=True, blank=True)
    at = models.DateTimeField(null=True, blank=True)
    tags = ClusterTaggableManager(through=NewsTag, blank=True)
    search_fields = (*Page.search_fields, index.SearchField("intro"), index.SearchField("body"))
