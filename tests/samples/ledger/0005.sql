BEGIN TRANSACTION;
CREATE TABLE acknowledged (
	acknowledgement INTEGER NOT NULL, 
	job VARCHAR(255) NOT NULL, 
	counter VARCHAR(200) NOT NULL, 
	CONSTRAINT pk_acknowledged PRIMARY KEY (acknowledgement, job, counter), 
	CONSTRAINT fk_acknowledged_acknowledgement FOREIGN KEY(acknowledgement) REFERENCES acknowledgements (id)
);
CREATE TABLE acknowledgements (
	id INTEGER NOT NULL, 
	server VARCHAR(255) NOT NULL, 
	project VARCHAR(255) NOT NULL, 
	branch VARCHAR(255) NOT NULL, 
	change BIGINT NOT NULL, 
	patchset BIGINT NOT NULL, 
	author VARCHAR(255) NOT NULL, 
	accepts BOOLEAN NOT NULL, 
	reason TEXT NOT NULL, 
	at BIGINT NOT NULL, 
	merged BIGINT, 
	CONSTRAINT pk_acknowledgements PRIMARY KEY (id)
);
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('0005');
CREATE TABLE builds (
	id INTEGER NOT NULL, 
	uuid VARCHAR(32) NOT NULL, 
	job VARCHAR(255) NOT NULL, 
	url TEXT NOT NULL, 
	received BIGINT NOT NULL, 
	"row" TEXT, 
	state VARCHAR(12) NOT NULL, 
	due BIGINT NOT NULL, 
	fence INTEGER DEFAULT '0' NOT NULL, 
	faults INTEGER DEFAULT '0' NOT NULL, 
	owner VARCHAR(200), 
	why TEXT NOT NULL, 
	CONSTRAINT pk_builds PRIMARY KEY (id), 
	CONSTRAINT uq_builds_uuid UNIQUE (uuid)
);
INSERT INTO "builds" VALUES(1,'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa','job-a','https://zuul/build/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa',1800000000000,'{"uuid": "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "job": "job-a", "result": "FAILURE", "voting": true, "project": "openstack/nova", "branch": "master", "pipeline": "check", "log_url": "https://logs/", "artifacts": [], "ended": 5, "change": null, "patchset": null, "changes": []}','done',1800000600000,1,0,NULL,'');
INSERT INTO "builds" VALUES(2,'bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb','job-b','https://zuul/build/bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb',1800000000000,'{"uuid": "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb", "job": "job-b", "result": "FAILURE", "voting": true, "project": "openstack/nova", "branch": "master", "pipeline": "check", "log_url": "https://logs/", "artifacts": [], "ended": 5, "change": null, "patchset": null, "changes": []}','done',1800000600000,1,0,NULL,'');
INSERT INTO "builds" VALUES(3,'cccccccccccccccccccccccccccccccc','job-c','https://zuul/build/cccccccccccccccccccccccccccccccc',1800000000000,NULL,'due',1800000001000,1,0,NULL,'404');
INSERT INTO "builds" VALUES(4,'dddddddddddddddddddddddddddddddd','job-d','https://zuul/build/dddddddddddddddddddddddddddddddd',1800000000000,NULL,'due',1800000000000,0,0,NULL,'');
INSERT INTO "builds" VALUES(5,'eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee','job-e','https://zuul/build/eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee',1800000002000,'{"uuid": "eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee", "job": "job-e", "result": "FAILURE", "voting": true, "project": "openstack/nova", "branch": "master", "pipeline": "gate", "log_url": "https://logs/", "artifacts": [], "ended": 1800000000000, "change": 8, "patchset": 3, "changes": [], "seconds": null}','done',1800000602000,2,0,NULL,'');
CREATE TABLE cursors (
	name VARCHAR(100) NOT NULL, 
	value TEXT NOT NULL, 
	at BIGINT NOT NULL, 
	CONSTRAINT pk_cursors PRIMARY KEY (name)
);
INSERT INTO "cursors" VALUES('pulse','{"state": "stopped"}',1800000000000);
CREATE TABLE drops (
	id INTEGER NOT NULL, 
	tenant VARCHAR(255) NOT NULL, 
	job VARCHAR(255) NOT NULL, 
	branch VARCHAR(255) NOT NULL, 
	test TEXT NOT NULL, 
	started BIGINT NOT NULL, 
	found BIGINT NOT NULL, 
	closed BIGINT, 
	shown TEXT NOT NULL, 
	told BIGINT, 
	CONSTRAINT pk_drops PRIMARY KEY (id)
);
CREATE TABLE failure_groups (
	id INTEGER NOT NULL, 
	created BIGINT NOT NULL, 
	CONSTRAINT pk_failure_groups PRIMARY KEY (id)
);
CREATE TABLE failures (
	run INTEGER NOT NULL, 
	at BIGINT NOT NULL, 
	shown BLOB, 
	CONSTRAINT pk_failures PRIMARY KEY (run), 
	CONSTRAINT fk_failures_run FOREIGN KEY(run) REFERENCES runs (id)
);
INSERT INTO "failures" VALUES(1,5,NULL);
INSERT INTO "failures" VALUES(2,5,NULL);
INSERT INTO "failures" VALUES(3,1800000000000,NULL);
CREATE TABLE findings (
	id INTEGER NOT NULL, 
	report INTEGER NOT NULL, 
	build VARCHAR(32) NOT NULL, 
	job VARCHAR(255) NOT NULL, 
	rule VARCHAR(200) NOT NULL, 
	kind VARCHAR(12) NOT NULL, 
	subject VARCHAR(200) NOT NULL, 
	value DOUBLE, 
	bound DOUBLE, usual DOUBLE, learned_runs INTEGER, learned_since BIGINT, confirmed BOOLEAN DEFAULT 1 NOT NULL, 
	CONSTRAINT pk_findings PRIMARY KEY (id), 
	CONSTRAINT fk_findings_report FOREIGN KEY(report) REFERENCES reports (id) ON DELETE CASCADE
);
INSERT INTO "findings" VALUES(1,1,'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa','job-a','rule','counter','mysql.Queries',12.0,10.0,NULL,NULL,NULL,1);
CREATE TABLE grouped (
	run INTEGER NOT NULL, 
	group_id INTEGER NOT NULL, 
	CONSTRAINT pk_grouped PRIMARY KEY (run), 
	CONSTRAINT fk_grouped_run FOREIGN KEY(run) REFERENCES runs (id), 
	CONSTRAINT fk_grouped_group_id FOREIGN KEY(group_id) REFERENCES failure_groups (id)
);
CREATE TABLE hits (
	id INTEGER NOT NULL, 
	run INTEGER NOT NULL, 
	rule VARCHAR(200) NOT NULL, 
	at BIGINT NOT NULL, 
	file TEXT NOT NULL, 
	line BIGINT NOT NULL, 
	text TEXT NOT NULL, 
	hits BIGINT NOT NULL, 
	CONSTRAINT pk_hits PRIMARY KEY (id), 
	CONSTRAINT fk_hits_run FOREIGN KEY(run) REFERENCES runs (id)
);
INSERT INTO "hits" VALUES(1,3,'1254890',1800000000000,'logs/screen-n-cpu.txt',41,'Timed out waiting for thing',3);
CREATE TABLE inbox (
	id INTEGER NOT NULL, 
	digest VARCHAR(64) NOT NULL, 
	source VARCHAR(60) NOT NULL, 
	line BLOB, 
	received BIGINT NOT NULL, 
	state VARCHAR(12) NOT NULL, 
	due BIGINT NOT NULL, 
	fence INTEGER DEFAULT '0' NOT NULL, 
	faults INTEGER DEFAULT '0' NOT NULL, 
	owner VARCHAR(200), 
	why TEXT NOT NULL, 
	CONSTRAINT pk_inbox PRIMARY KEY (id), 
	CONSTRAINT uq_inbox_digest UNIQUE (digest)
);
INSERT INTO "inbox" VALUES(1,'22546931c0e4fda74e5e3e49f88e7ad9e2a78ba10366f9d8e11081e76f5a7f8b','gerrit stream-events',NULL,1800000000000,'done',1800000600000,1,0,NULL,'');
INSERT INTO "inbox" VALUES(2,'6f0b892024390ae504077b73df468d0e049d7e27e71dbfc1d2200eb82ea71e7b','gerrit stream-events',NULL,1800000000000,'done',1800000600000,1,0,NULL,'');
INSERT INTO "inbox" VALUES(3,'4f33de55256d50852ebd9baef762ec6675d1e1473c1d9c46d4c0d004912f1697','gerrit stream-events',NULL,1800000000000,'done',1800000600000,1,0,NULL,'');
INSERT INTO "inbox" VALUES(4,'badb77b37d7a39d6951965044a27f47ffdfd985e8346c45ec2a2fe51cbe101db','x',NULL,1800000000000,'ignored',1800000600000,1,0,NULL,'event type ref-updated');
INSERT INTO "inbox" VALUES(5,'2e51415f24966f13696093b66bb3eba32228c9c2cd0459bf84265d10ae1ffa79','x',NULL,1800000000000,'done',1800000600000,1,0,NULL,'merged');
INSERT INTO "inbox" VALUES(6,'0d00a13767c5df8c7de442137416472507c8cc2c0d1b2943669a8462259241ce','x',X'7B2274797065223A2277616974696E67227D',1800000000000,'due',1800000000000,0,0,NULL,'');
CREATE TABLE levels (
	series INTEGER NOT NULL, 
	at BIGINT NOT NULL, 
	newest BIGINT NOT NULL, 
	runs INTEGER NOT NULL, 
	since BIGINT, 
	stable BOOLEAN NOT NULL, 
	level TEXT NOT NULL, 
	rate DOUBLE NOT NULL, 
	CONSTRAINT pk_levels PRIMARY KEY (series), 
	CONSTRAINT fk_levels_series FOREIGN KEY(series) REFERENCES series (id)
);
CREATE TABLE merges (
	project VARCHAR(255) NOT NULL, 
	change BIGINT NOT NULL, 
	patchset BIGINT NOT NULL, 
	at BIGINT NOT NULL, branch VARCHAR(255), url TEXT, 
	CONSTRAINT pk_merges PRIMARY KEY (project, change)
);
INSERT INTO "merges" VALUES('openstack/nova',7,1,1800000000000,NULL,NULL);
CREATE TABLE outbox (
	id INTEGER NOT NULL, 
	"key" VARCHAR(450) NOT NULL, 
	kind VARCHAR(12) NOT NULL, 
	destination VARCHAR(100) NOT NULL, 
	payload TEXT NOT NULL, 
	created BIGINT NOT NULL, 
	settled BIGINT, 
	tries INTEGER DEFAULT '0' NOT NULL, 
	state VARCHAR(12) NOT NULL, 
	due BIGINT NOT NULL, 
	fence INTEGER DEFAULT '0' NOT NULL, 
	faults INTEGER DEFAULT '0' NOT NULL, 
	owner VARCHAR(200), 
	why TEXT NOT NULL, 
	CONSTRAINT pk_outbox PRIMARY KEY (id), 
	CONSTRAINT uq_outbox_key UNIQUE ("key")
);
INSERT INTO "outbox" VALUES(1,'k1','gerrit','gerrit','{"n": 1}',1800000000000,1800000000000,1,'sent',1800000600000,1,0,NULL,'');
INSERT INTO "outbox" VALUES(2,'k2','irc','#qa','{"text": "x"}',1800000000000,NULL,0,'due',1800000000000,0,0,NULL,'');
CREATE TABLE readings (
	build INTEGER NOT NULL, 
	reader VARCHAR(20) NOT NULL, 
	state VARCHAR(12), 
	why TEXT NOT NULL, 
	found TEXT, 
	CONSTRAINT pk_readings PRIMARY KEY (build, reader), 
	CONSTRAINT fk_readings_build FOREIGN KEY(build) REFERENCES builds (id) ON DELETE CASCADE
);
INSERT INTO "readings" VALUES(1,'counters','READ','','{"values": {"mysql.Queries": 12, "mysql.Com_select": 3}, "unreadable": {}, "failures": {}, "absent": [], "resets": [], "repeated": [], "delta": true, "mixed": false, "seconds": null, "prefix": null}');
INSERT INTO "readings" VALUES(2,'counters','NOTHING','',NULL);
INSERT INTO "readings" VALUES(3,'counters',NULL,'',NULL);
INSERT INTO "readings" VALUES(4,'counters',NULL,'',NULL);
INSERT INTO "readings" VALUES(5,'failure','READ','','{"failure": {"hits": [{"rule": "1254890", "file": "logs/screen-n-cpu.txt", "line": 41, "text": "Timed out waiting for thing", "hits": 3}], "tests": [{"name": "test_a", "lines": []}], "failed_tests": 1, "phase": "", "task": "", "host": "", "error": "", "unread": {}}}');
CREATE TABLE report_builds (
	id INTEGER NOT NULL, 
	report INTEGER NOT NULL, 
	build INTEGER NOT NULL, 
	CONSTRAINT pk_report_builds PRIMARY KEY (id), 
	CONSTRAINT uq_report_builds_report_build UNIQUE (report, build), 
	CONSTRAINT fk_report_builds_report FOREIGN KEY(report) REFERENCES reports (id) ON DELETE CASCADE, 
	CONSTRAINT fk_report_builds_build FOREIGN KEY(build) REFERENCES builds (id) ON DELETE CASCADE
);
INSERT INTO "report_builds" VALUES(1,1,1);
INSERT INTO "report_builds" VALUES(2,1,2);
INSERT INTO "report_builds" VALUES(3,2,1);
INSERT INTO "report_builds" VALUES(4,2,3);
INSERT INTO "report_builds" VALUES(5,3,4);
CREATE TABLE reports (
	id INTEGER NOT NULL, 
	"key" VARCHAR(330) NOT NULL, 
	server VARCHAR(255) NOT NULL, 
	project VARCHAR(255) NOT NULL, 
	branch VARCHAR(255) NOT NULL, 
	change BIGINT, 
	patchset BIGINT, 
	url TEXT, 
	pipeline VARCHAR(255), 
	buildset VARCHAR(32), 
	received BIGINT NOT NULL, 
	deadline BIGINT NOT NULL, 
	decided BIGINT, 
	state VARCHAR(12) NOT NULL, 
	due BIGINT NOT NULL, 
	fence INTEGER DEFAULT '0' NOT NULL, 
	faults INTEGER DEFAULT '0' NOT NULL, 
	owner VARCHAR(200), 
	why TEXT NOT NULL, 
	CONSTRAINT pk_reports PRIMARY KEY (id), 
	CONSTRAINT uq_reports_key UNIQUE ("key")
);
INSERT INTO "reports" VALUES(1,'review 7,1 11111111111111111111111111111111','review','openstack/nova','master',7,1,'https://review/7','check','11111111111111111111111111111111',1800000000000,1800001200000,1800000000000,'decided',1800000600000,1,0,NULL,'over its bound');
INSERT INTO "reports" VALUES(2,'review 7,1 22222222222222222222222222222222','review','openstack/nova','master',7,1,'https://review/7','check','22222222222222222222222222222222',1800000000000,1800001200000,NULL,'due',1800001200000,0,0,NULL,'');
INSERT INTO "reports" VALUES(3,'review 8,1 33333333333333333333333333333333','review','openstack/nova','master',8,1,'https://review/8','check','33333333333333333333333333333333',1800000000000,1800001200000,NULL,'due',1800001200000,0,0,NULL,'');
CREATE TABLE run_lines (
	run INTEGER NOT NULL, 
	job VARCHAR(255) NOT NULL, 
	failed BOOLEAN NOT NULL, 
	mask INTEGER NOT NULL, 
	at BIGINT NOT NULL, 
	ids BLOB NOT NULL, 
	more BLOB NOT NULL, 
	CONSTRAINT pk_run_lines PRIMARY KEY (run), 
	CONSTRAINT fk_run_lines_run FOREIGN KEY(run) REFERENCES runs (id)
);
CREATE TABLE runs (
	id INTEGER NOT NULL, 
	uuid VARCHAR(32) NOT NULL, 
	job VARCHAR(255) NOT NULL, 
	project VARCHAR(255) NOT NULL, 
	branch VARCHAR(255) NOT NULL, 
	pipeline VARCHAR(255) NOT NULL, 
	change BIGINT, 
	patchset BIGINT, 
	result VARCHAR(255), 
	voting BOOLEAN NOT NULL, 
	ended BIGINT NOT NULL, seconds DOUBLE, tenant VARCHAR(255) DEFAULT '' NOT NULL, nodeset VARCHAR(255), source VARCHAR(12) DEFAULT 'report' NOT NULL, counted BOOLEAN DEFAULT 0 NOT NULL, 
	CONSTRAINT pk_runs PRIMARY KEY (id), 
	CONSTRAINT uq_runs_uuid UNIQUE (uuid)
);
INSERT INTO "runs" VALUES(1,'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa','job-a','openstack/nova','master','check',7,1,'FAILURE',1,5,NULL,'',NULL,'report',1);
INSERT INTO "runs" VALUES(2,'bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb','job-b','openstack/nova','master','check',7,1,'FAILURE',1,5,NULL,'',NULL,'report',0);
INSERT INTO "runs" VALUES(3,'eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee','job-e','openstack/nova','master','gate',8,3,'FAILURE',1,1800000000000,NULL,'',NULL,'report',0);
CREATE TABLE said (
	patchset VARCHAR(280) NOT NULL, 
	destination VARCHAR(100) NOT NULL, 
	job VARCHAR(255) NOT NULL, 
	kind VARCHAR(12) NOT NULL, 
	subject VARCHAR(200) NOT NULL, 
	at BIGINT NOT NULL, 
	delivery VARCHAR(450) NOT NULL, 
	CONSTRAINT pk_said PRIMARY KEY (patchset, destination, job, kind, subject)
);
INSERT INTO "said" VALUES('review 7,1','gerrit','job-a','counter','mysql.Queries',1800000000000,'review 7,1 11111111111111111111111111111111 gerrit gerrit');
INSERT INTO "said" VALUES('review 7,1','#qa','job-a','counter','mysql.Queries',1800000000000,'review 7,1 11111111111111111111111111111111 irc #qa');
CREATE TABLE samples (
	series INTEGER NOT NULL, 
	at BIGINT NOT NULL, 
	run INTEGER NOT NULL, 
	value DOUBLE NOT NULL, 
	CONSTRAINT pk_samples PRIMARY KEY (series, at, run), 
	CONSTRAINT fk_samples_series FOREIGN KEY(series) REFERENCES series (id), 
	CONSTRAINT fk_samples_run FOREIGN KEY(run) REFERENCES runs (id)
)
 WITHOUT ROWID

;
INSERT INTO "samples" VALUES(1,5,1,12.0);
INSERT INTO "samples" VALUES(2,5,1,3.0);
CREATE TABLE searches (
	build INTEGER NOT NULL, 
	rules TEXT NOT NULL, 
	CONSTRAINT pk_searches PRIMARY KEY (build), 
	CONSTRAINT fk_searches_build FOREIGN KEY(build) REFERENCES builds (id) ON DELETE CASCADE
);
CREATE TABLE series (
	id INTEGER NOT NULL, 
	tenant VARCHAR(255) NOT NULL, 
	job VARCHAR(255) NOT NULL, 
	branch VARCHAR(255) NOT NULL, 
	counter VARCHAR(200) NOT NULL, 
	delta BOOLEAN NOT NULL, 
	CONSTRAINT pk_series PRIMARY KEY (id), 
	CONSTRAINT uq_series_job_branch_tenant_delta_counter UNIQUE (job, branch, tenant, delta, counter)
);
INSERT INTO "series" VALUES(1,'','job-a','master','mysql.Queries',1);
INSERT INTO "series" VALUES(2,'','job-a','master','mysql.Com_select',1);
CREATE TABLE templates (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	"key" BIGINT NOT NULL, 
	mask INTEGER NOT NULL, 
	in_window INTEGER NOT NULL, 
	file TEXT NOT NULL, 
	level TEXT NOT NULL, 
	body BOOLEAN NOT NULL, 
	words TEXT NOT NULL, 
	text TEXT NOT NULL, 
	CONSTRAINT uq_templates_key_mask_in_window UNIQUE ("key", mask, in_window)
);
CREATE TABLE traits (
	kind VARCHAR(20) NOT NULL, 
	"key" BIGINT NOT NULL, 
	at BIGINT NOT NULL, 
	run INTEGER NOT NULL, 
	change BIGINT, 
	CONSTRAINT pk_traits PRIMARY KEY (kind, "key", at, run), 
	CONSTRAINT fk_traits_run FOREIGN KEY(run) REFERENCES runs (id)
)
 WITHOUT ROWID

;
CREATE INDEX ix_inbox_received ON inbox (received);
CREATE INDEX ix_inbox_state_due ON inbox (state, due);
CREATE INDEX ix_reports_state_due ON reports (state, due);
CREATE INDEX ix_builds_state_due ON builds (state, due);
CREATE INDEX ix_said_delivery ON said (delivery);
CREATE INDEX ix_outbox_kind_state_due ON outbox (kind, state, due);
CREATE INDEX ix_runs_change ON runs (change);
CREATE INDEX ix_report_builds_build ON report_builds (build);
CREATE INDEX ix_findings_report ON findings (report);
CREATE INDEX ix_hits_rule_at_run ON hits (rule, at, run);
CREATE INDEX ix_runs_project_job_ended ON runs (project, job, ended);
CREATE INDEX ix_hits_run_rule ON hits (run, rule);
CREATE INDEX ix_failures_at ON failures (at);
CREATE INDEX ix_traits_run ON traits (run);
CREATE INDEX ix_templates_mask_in_window ON templates (mask, in_window);
CREATE INDEX ix_run_lines_job_failed_mask_at ON run_lines (job, failed, mask, at);
CREATE INDEX ix_run_lines_mask_at ON run_lines (mask, at);
CREATE INDEX ix_runs_tenant_job_ended ON runs (tenant, job, ended);
CREATE INDEX ix_merges_at ON merges (at);
CREATE INDEX ix_series_job_branch ON series (job, branch);
CREATE INDEX ix_acknowledgements_change ON acknowledgements (change);
CREATE INDEX ix_acknowledgements_merged ON acknowledgements (merged);
CREATE INDEX ix_drops_job_found ON drops (job, found);
DELETE FROM "sqlite_sequence";
COMMIT;
