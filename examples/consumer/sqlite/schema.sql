-- An archive of what gateways publish, for SQLite 3.28 or newer (JSON functions, windows). Storing a batch is
-- insert.sql; everything else is a view.

-- Who reads does not hold up who writes.
pragma journal_mode = wal;
pragma busy_timeout = 5000;

create table if not exists batch (
  tenant text not null,
  gateway text not null,
  machine text not null,
  kind text not null,
  stream text not null,
  seq integer not null,
  t0 integer not null, -- milliseconds since the epoch
  body text not null,  -- the payload
  primary key (tenant, gateway, machine, kind, stream, seq)
) without rowid;

create index if not exists batch_of_events on batch (t0) where kind = 'event';

-- One row for each observation. t: milliseconds since the epoch, ns: nanoseconds within that millisecond.
create view if not exists observation as
select
  b.tenant, b.gateway, b.machine, b.stream, b.seq,
  s.key as signal,
  json_extract(s.value, '$.unit') as unit,
  b.t0 + cast(round(o.value * 1e6) as integer) / 1000000 as t,
  cast(round(o.value * 1e6) as integer) % 1000000 as ns,
  json_extract(s.value, '$.v[' || o.key || ']') as v,
  coalesce(json_extract(s.value, '$.q[' || o.key || ']'), 'good') as q
from batch b, json_each(b.body, '$.signals') s, json_each(s.value, '$.t') o
where b.kind = 'telemetry';

-- What was lost, as the gateways tell it. The last four name a run of batches that will never come, where there is one.
create view if not exists gap as
select
  b.tenant, b.gateway, b.machine,
  json_extract(e.value, '$.cause') as cause,
  json_extract(e.value, '$.from') as from_t,
  json_extract(e.value, '$.to') as to_t,
  json_extract(e.value, '$.count') as observations,
  json_extract(e.value, '$.batches.kind') as lost_kind,
  json_extract(e.value, '$.batches.stream') as lost_stream,
  json_extract(e.value, '$.batches.first') as first_seq,
  json_extract(e.value, '$.batches.last') as last_seq
from batch b, json_each(b.body, '$.events') e
where b.kind = 'event' and json_extract(e.value, '$.type') = 'gap';

-- Runs of seq that are neither here nor named by a gap, from the first one that is here. Empty: nothing is missing.
create view if not exists missing_batches as
with known as (
  select tenant, gateway, machine, kind, stream, seq as first_seq, seq as last_seq, 1 as is_here from batch
  union all
  select tenant, gateway, machine, lost_kind, lost_stream, first_seq, last_seq, 0 from gap where first_seq is not null
), ordered as (
  select
    *,
    max(last_seq) over before as reached,
    min(case when is_here = 1 then first_seq end) over channel as judged_from
  from known
  window
    channel as (partition by tenant, gateway, machine, kind, stream),
    before as (
      partition by tenant, gateway, machine, kind, stream
      order by first_seq, last_seq rows between unbounded preceding and 1 preceding
    )
)
select tenant, gateway, machine, kind, stream, reached + 1 as first_seq, first_seq - 1 as last_seq
from ordered
where first_seq > reached + 1 and reached >= judged_from;
