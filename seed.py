import datetime

from django.contrib.auth import get_user_model
from django.utils import timezone
from spirit.category.models import Category
from spirit.comment.models import Comment
from spirit.core.utils.markdown import Markdown, quotify
from spirit.topic.models import Topic

U = get_user_model()
us = [U.objects.create_user(n, n + "@example.com", "x") for n in ("ann", "bob.z", "Zofia_K")]
c = Category.objects.create(title="Internet i usługi")
sub = Category.objects.create(title="Sub", parent=c)
for t in range(23):
    topic = Topic.objects.create(
        title=f"Topic no {t} – żółw", category=c, user=us[t % 3], is_pinned=t == 3
    )
    for i in range(35 if t == 5 else 3):
        u = us[i % 3]
        text = f"Message {i} of topic {t}. **Bold** and [link](http://example.com)."
        if i == 2:
            text = quotify("Quoted words", "ann") + "My answer."
        k = (
            Comment.create_for(comment=text, topic=topic, user=u)
            if hasattr(Comment, "create_for")
            else Comment.objects.create(
                comment=text,
                comment_html=Markdown(current_user=u).render(text),
                topic=topic,
                user=u,
            )
        )
        Comment.objects.filter(pk=k.pk).update(
            date=timezone.now() - datetime.timedelta(days=100 - t, hours=10 - i / 4),
            modified_count=1 if i == 1 else 0,
        )
    topic.comment_count = 35 if t == 5 else 3
    topic.last_active = timezone.now() - datetime.timedelta(days=99 - t)
    topic.save()
    if t == 7:
        Comment.create_moderation_action(user=us[0], topic=topic, action=Comment.CLOSED)
        Comment.objects.filter(topic=topic)[1].delete if 0 else Comment.objects.filter(
            pk=topic.comment_set.all()[1].pk
        ).update(is_removed=True)
