"""What triggers need to name a page of the site: a link holds no spaces, whatever an order or a material is called."""

from django.db import migrations

PERCENT_ENCODED = r"""
DO $do$ BEGIN
    EXECUTE replace($all$
CREATE FUNCTION @.notifications_percent_encoded(value text) RETURNS text LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp AS $$
    SELECT coalesce(string_agg(
        CASE WHEN c COLLATE "C" ~ '[A-Za-z0-9._~-]' THEN c
             ELSE regexp_replace(upper(encode(convert_to(c, 'UTF8'), 'hex')), '(..)', '%\1', 'g') END, '' ORDER BY n
    ), '') FROM regexp_split_to_table(value, '') WITH ORDINALITY AS characters(c, n)
$$;
    $all$, '@.', quote_ident(current_schema()) || '.');
END $do$;
"""


class Migration(migrations.Migration):
    dependencies = [("notifications", "0002_watch")]

    operations = [
        migrations.RunSQL(PERCENT_ENCODED, "DROP FUNCTION notifications_percent_encoded(text)"),
    ]
