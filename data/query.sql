-- Bike trips by month. All columns are text, so numbers are cast before they are added up.
--   sheaf ingest data/trips -o trips.db && sqlite3 -box trips.db < data/query.sql
WITH starts AS (
    SELECT substr(started_at, 1, 7) AS month, start_station,
           row_number() OVER (PARTITION BY substr(started_at, 1, 7)
                              ORDER BY count(*) DESC, start_station) AS place
    FROM trips GROUP BY 1, 2
)
SELECT substr(started_at, 1, 7)                          AS "month",
       count(*)                                          AS "trips",
       printf('%.1f', sum(CAST(distance_km AS REAL)))    AS "kilometres",
       printf('%.2f', sum(CAST(fare AS REAL)))           AS "fares",
       starts.start_station                              AS "busiest_station"
FROM trips JOIN starts ON starts.month = substr(started_at, 1, 7) AND starts.place = 1
GROUP BY 1 ORDER BY 1;
