import { type Namespace, StatusCodes, type UAObject, type UAVariable } from 'node-opcua';

const SEVERITY = 700;

/**
 * Adds an alarm (OPC 10000-9, 5.8.2) that can be subscribed to as events and read as variables: `Alarm/Condition`.
 * Returns what sets it: by its number, 0 when all is well.
 */
export function addAlarm(namespace: Namespace, source: UAObject, folder: UAObject, input: UAVariable) {
  const alarm = namespace.instantiateAlarmCondition('AlarmConditionType', {
    browseName: 'Condition',
    nodeId: `s=${source.browseName.name}.Alarm.Condition`,
    componentOf: folder,
    conditionSource: source,
    inputNode: input,
    conditionName: 'Machine alarm',
  } as never);
  alarm.setEnabledState(true);
  let current = 0;
  return (number: number): void => {
    if (number === current) return;
    current = number;
    if (number === 0) alarm.deactivateAlarm(false);
    else alarm.activateAlarm();
    const message = number === 0 ? 'Alarm cleared' : `Alarm ${number}: spindle drive`;
    alarm.raiseNewCondition({ message, severity: SEVERITY, quality: StatusCodes.Good, retain: number !== 0 });
  };
}
