-- Stores a payload (JSON, decompressed) unless it is here already. What is no batch, such as a status, is passed over.
insert into batch (tenant, gateway, machine, kind, stream, seq, t0, body)
select
  json_extract(:payload, '$.tenant'),
  json_extract(:payload, '$.gateway'),
  json_extract(:payload, '$.machine'),
  json_extract(:payload, '$.kind'),
  json_extract(:payload, '$.stream'),
  json_extract(:payload, '$.seq'),
  json_extract(:payload, '$.t0'),
  :payload
where json_extract(:payload, '$.v') = 1 and json_extract(:payload, '$.stream') is not null
on conflict do nothing;
