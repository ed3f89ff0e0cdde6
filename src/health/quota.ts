/** How much of a quota is used. */
export interface QuotaUse {
  readonly quota: 'pointsPerHour' | 'machines' | 'alertsPerDay';
  readonly used: number;
  readonly limit: number;
}
