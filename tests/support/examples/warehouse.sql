-- A Segment warehouse in PostgreSQL, as Segment lays it out: one schema for each source, one
-- table for each kind of call and one for each event. A nested trait becomes columns
-- (`address_city`), a list becomes text that holds JSON, names become snake_case.
create schema web_app;

-- Times are handed out with the zone of the session, which need not be UTC.
do $$ begin
  execute format('alter database %I set timezone = %L', current_database(), 'Asia/Kolkata');
end $$;

create table web_app.identifies (
  id varchar(1024) primary key,
  received_at timestamptz, sent_at timestamptz, original_timestamp timestamptz, "timestamp" timestamptz,
  uuid bigint, uuid_ts timestamptz,
  user_id text, anonymous_id text,
  context_active boolean,
  context_ip text, context_locale text, context_timezone text, context_user_agent text,
  context_library_name text, context_library_version text,
  context_page_url text, context_page_path text, context_page_title text, context_page_referrer text,
  context_campaign_name text, context_campaign_source text, context_campaign_medium text,
  context_location_city text, context_location_latitude numeric,
  context_group_id text,
  email text, first_name text, name text,
  logins bigint, score numeric, balance numeric(20, 4), ratio double precision,
  paying boolean, birthday date, created_at timestamptz, local_time timestamp,
  company_id text, company_name text, address_city text,
  tags text, preferences jsonb, history json
);
insert into web_app.identifies values (
  'ajs-3f2c', '2026-01-31 12:00:05.25+00', '2026-01-31 12:00:04+00', '2026-01-31 13:00:03.123456+01', '2026-01-31 12:00:04.373+00',
  9007199254740993, '2026-01-31 12:05:00+00',
  'u1', 'anon-1',
  true,
  '192.0.2.7', 'de-CH', 'Europe/Zurich', 'Mozilla/5.0 (X11)',
  'analytics.js', '2.1.0',
  'https://acme.example/pricing?a=1', '/pricing', 'Preise', 'https://search.example/',
  'spring', 'newsletter', 'email',
  'Zürich', 47.36,
  'c1',
  'zoe@acme.example', 'Zoë', 'Zoë Łuczak 🦊',
  12, 0.1, 1234567890123456.7891, 1e-7,
  true, '1990-02-28', '2024-01-01 00:00:00+00', '2024-06-01 08:30:00',
  'c1', 'Acme', 'Zürich',
  '["a","b"]', '{"theme": "dark", "nested": {"depth": 2}, "list": [1, null]}', '[{"at": 1}]'
), (
  'ajs-77aa', '2026-01-31 12:00:06+00', null, null, '2026-01-31 12:00:06+00',
  null, null,
  null, 'anon-2',
  null,
  null, null, null, null,
  null, null,
  null, null, null, null,
  null, null, null,
  null, null,
  null,
  null, null, null,
  null, null, null, null,
  null, null, null, null,
  null, null, null,
  null, null, null
);

create table web_app.users (
  id varchar(1024) primary key,
  received_at timestamptz, uuid bigint, uuid_ts timestamptz,
  context_ip text, context_library_name text,
  email text, name text, paying boolean, logins bigint, created_at timestamptz
);
insert into web_app.users values
  ('u1', '2026-01-31 12:00:05.25+00', 1, '2026-01-31 12:05:00+00', '192.0.2.7', 'analytics.js', 'zoe@acme.example', 'Zoë Łuczak', true, 12, '2024-01-01 00:00:00+00'),
  ('42', '2026-01-31 12:00:06+00', 2, '2026-01-31 12:05:00+00', null, null, null, null, false, 0, null);

create table web_app.groups (
  id varchar(1024) primary key,
  received_at timestamptz, sent_at timestamptz, original_timestamp timestamptz, "timestamp" timestamptz,
  uuid bigint, uuid_ts timestamptz,
  user_id text, anonymous_id text, group_id text,
  context_ip text, context_library_name text,
  name text, plan text, employees bigint, website text
);
insert into web_app.groups values
  ('ajs-g1', '2026-01-31 12:00:07+00', '2026-01-31 12:00:07+00', '2026-01-31 12:00:07+00', '2026-01-31 12:00:07+00', 1, null,
   'u1', 'anon-1', 'c1', '192.0.2.7', 'analytics.js', 'Acme', 'paid', 50, 'https://acme.example');

create table web_app.accounts (
  id varchar(1024) primary key,
  received_at timestamptz, uuid bigint, uuid_ts timestamptz,
  name text, plan text, employees bigint, website text
);
insert into web_app.accounts values
  ('c1', '2026-01-31 12:00:07+00', 1, null, 'Acme', 'paid', 50, 'https://acme.example');

create table web_app.tracks (
  id varchar(1024) primary key,
  received_at timestamptz, sent_at timestamptz, original_timestamp timestamptz, "timestamp" timestamptz,
  uuid bigint, uuid_ts timestamptz,
  event text, event_text text,
  user_id text, anonymous_id text,
  context_ip text, context_user_agent text, context_page_url text, context_library_name text
);
insert into web_app.tracks values
  ('ajs-t1', '2026-01-31 12:00:08+00', '2026-01-31 12:00:08+00', '2026-01-31 12:00:08+00', '2026-01-31 12:00:08+00', 1, null,
   'login_button_clicked', 'Login Button Clicked', 'u1', 'anon-1', '192.0.2.7', 'Mozilla/5.0 (X11)', 'https://acme.example/login', 'analytics.js'),
  ('ajs-t2', '2026-01-31 12:00:09+00', '2026-01-31 12:00:09+00', '2026-01-31 12:00:09+00', '2026-01-31 12:00:09+00', 2, null,
   'signed_up', 'Signed Up ✓', null, 'anon-2', null, null, null, null);

create table web_app.login_button_clicked (
  id varchar(1024) primary key,
  received_at timestamptz, sent_at timestamptz, original_timestamp timestamptz, "timestamp" timestamptz,
  uuid bigint, uuid_ts timestamptz,
  event text, event_text text,
  user_id text, anonymous_id text,
  context_ip text, context_user_agent text, context_page_url text, context_library_name text,
  button text, attempts bigint, revenue numeric, remembered boolean, details jsonb
);
insert into web_app.login_button_clicked values
  ('ajs-t1', '2026-01-31 12:00:08+00', '2026-01-31 12:00:08+00', '2026-01-31 12:00:08+00', '2026-01-31 12:00:08+00', 1, null,
   'login_button_clicked', 'Login Button Clicked', 'u1', 'anon-1', '192.0.2.7', 'Mozilla/5.0 (X11)', 'https://acme.example/login', 'analytics.js',
   'header', 3, 12.5, false, '{"a": [1, 2.5, null], "ü": true}');

create table web_app.pages (
  id varchar(1024) primary key,
  received_at timestamptz, sent_at timestamptz, original_timestamp timestamptz, "timestamp" timestamptz,
  uuid bigint, uuid_ts timestamptz,
  user_id text, anonymous_id text,
  context_ip text, context_user_agent text, context_page_url text, context_library_name text,
  name text, category text, path text, referrer text, search text, title text, url text
);
insert into web_app.pages values
  ('ajs-p1', '2026-01-31 12:00:01+00', '2026-01-31 12:00:01+00', '2026-01-31 12:00:01+00', '2026-01-31 12:00:01+00', 1, null,
   null, 'anon-1', '192.0.2.7', 'Mozilla/5.0 (X11)', 'https://acme.example/pricing', 'analytics.js',
   'Pricing', 'Docs', '/pricing', 'https://search.example/', '?a=1', 'Preise', 'https://acme.example/pricing');

create table web_app.aliases (
  id varchar(1024) primary key,
  received_at timestamptz, sent_at timestamptz, original_timestamp timestamptz, "timestamp" timestamptz,
  uuid bigint, uuid_ts timestamptz,
  user_id text, previous_id text, context_ip text
);
insert into web_app.aliases values
  ('ajs-a1', '2026-01-31 12:00:02+00', '2026-01-31 12:00:02+00', '2026-01-31 12:00:02+00', '2026-01-31 12:00:02+00', 1, null, 'u1', 'anon-1', '192.0.2.7');

-- Not Segment's: somebody's own table that happens to have the name.
create schema shop;
create table shop.users (id text primary key, email text, created_at timestamptz);
insert into shop.users values ('1', 'private@shop.example', '2026-01-31 12:00:00+00');

-- An application's own tables.
create schema app;
create table app.orders
  (id bigint primary key, customer_id bigint, email text, total numeric, placed_at timestamptz);
insert into app.orders values (1, 7, 'private@app.example', 9.50, '2026-01-31 12:00:00+00');
create table app.companies (id bigint primary key, owner_id bigint, name text, email text);
insert into app.companies values (3, 7, 'Acme', 'private@app.example');
create table app.subscriptions (id bigint primary key, company_id bigint, plan text);
insert into app.subscriptions values (5, 3, 'paid');
create table app.login_audit
  ("id" bigint primary key, "userId" text, "event" text, "passwordHash" text);
insert into app.login_audit values (1, 'u1', 'login', 'private');
create table app."client-reviews" (id bigint primary key, email text, stars int);
insert into app."client-reviews" values (1, 'private@app.example', 5);

-- The warehouse once more, with the names that Snowflake gives it.
create schema "PROD";
do $$ declare name text; begin
  for name in select table_name from information_schema.tables where table_schema = 'web_app'
  loop
    execute (
      select format(
        'create table "PROD".%I as select %s from web_app.%I', upper(name),
        string_agg(format('%I as %I', column_name, upper(column_name)), ', '), name)
      from information_schema.columns
      where table_schema = 'web_app' and table_name = name);
  end loop;
end $$;
