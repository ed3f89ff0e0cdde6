-- Stores a payload (JSON, decompressed) unless it is here already. What is no batch, such as a status, is passed over.
insert into batch (tenant, gateway, machine, kind, stream, seq, t0, body)
select
  body ->> 'tenant',
  body ->> 'gateway',
  body ->> 'machine',
  body ->> 'kind',
  body ->> 'stream',
  (body ->> 'seq')::bigint,
  (body ->> 't0')::bigint,
  body
from (select $1::jsonb as body) payload
where body -> 'v' = '1' and body ->> 'stream' is not null
on conflict do nothing;
