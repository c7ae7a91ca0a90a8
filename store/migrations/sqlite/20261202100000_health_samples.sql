-- +goose Up

-- The health of the watcher and of the nodes, the worst of each minute, for the charts of the admins' page. Rows older
-- than two days are dropped. The watcher has the node '', and a minute counts from 1970. The lag is the age of the newest
-- block, if any is known; only nodes have a latency.
CREATE TABLE health_samples (
    network        text NOT NULL,
    node           text NOT NULL,
    minute         bigint NOT NULL,
    lag_millis     bigint,
    latency_millis bigint,
    PRIMARY KEY (network, minute, node)
);
CREATE INDEX health_samples_by_minute ON health_samples (minute);
