# Made by tools/hints: the package nats for Nagelfar. nagelfar -s _ -s nats.syntax.tcl script.tcl
lappend ::knownPackages nats nats::server nats::browser
lappend ::knownCommands nats::browser nats::connect nats::connection nats::header nats::help nats::isotime_to_msec nats::jet_stream nats::json nats::key_value nats::kv_election nats::kv_lock nats::kv_member nats::kv_watcher nats::make_kv_origin nats::make_republish nats::make_stream_source nats::make_subject_transform nats::metadata nats::msec_to_isotime nats::msg nats::mymethod nats::object_store nats::object_watcher nats::ordered_consumer nats::pull_consumer nats::server nats::service nats::service_group nats::timestamp
set ::syntax(nats::json) {s x*}
set ::subCmd(nats::json) {decode quote list object}
set ::syntax(nats::header) {s x*}
set ::subCmd(nats::header) {add set delete get values keys lookup}
set ::syntax(nats::msg) {s x*}
set ::subCmd(nats::msg) {create set subject data reply no_responders idle_heartbeat flow_control service_error seq timestamp}
set ::syntax(nats::connection) {s x*}
set ::subCmd(nats::connection) {new create destroy}
set ::syntax(nats::jet_stream) {s x*}
set ::subCmd(nats::jet_stream) destroy
set ::syntax(nats::ordered_consumer) {s x*}
set ::subCmd(nats::ordered_consumer) destroy
set ::syntax(nats::pull_consumer) {s x*}
set ::subCmd(nats::pull_consumer) destroy
set ::syntax(nats::key_value) {s x*}
set ::subCmd(nats::key_value) destroy
set ::syntax(nats::kv_watcher) {s x*}
set ::subCmd(nats::kv_watcher) destroy
set ::syntax(nats::kv_lock) {s x*}
set ::subCmd(nats::kv_lock) destroy
set ::syntax(nats::kv_election) {s x*}
set ::subCmd(nats::kv_election) destroy
set ::syntax(nats::kv_member) {s x*}
set ::subCmd(nats::kv_member) destroy
set ::syntax(nats::object_store) {s x*}
set ::subCmd(nats::object_store) destroy
set ::syntax(nats::object_watcher) {s x*}
set ::subCmd(nats::object_watcher) destroy
set ::syntax(nats::service) {s x*}
set ::subCmd(nats::service) destroy
set ::syntax(nats::service_group) {s x*}
set ::subCmd(nats::service_group) destroy
set ::syntax(nats::server) {s x*}
set ::subCmd(nats::server) {start stop kill restart pause resume signal url port pid store_dir log_file log state handles}
set ::syntax(nats::browser) {s x*}
set ::subCmd(nats::browser) {open windows select use_theme}
set ::syntax(nats::connect) {x p*}
set ::option(nats::connect) {-logger -log_chan -log_level -name -pedantic -verbose -randomize -connect_timeout -reconnect_time_wait -custom_reconnect_delay -max_reconnect_attempts -ping_interval -max_outstanding_pings -echo -tls_opts -user -password -token -secure -check_subjects -dictmsg -utf8_convert -request_timeout -nkey -credentials -tls_first -busy_poll -reconnect_jitter -discovery_interval -inbox_prefix -ignore_discovered -auth_callback -max_pending}
set {::syntax(nats::json decode)} x
set {::syntax(nats::json quote)} x
set {::syntax(nats::json list)} x*
set {::syntax(nats::json object)} x*
set ::syntax(nats::make_kv_origin) p*
set ::option(nats::make_kv_origin) {-stream -bucket -keys -api -deliver -domain}
set ::syntax(nats::metadata) x
set ::syntax(nats::make_stream_source) p*
set ::option(nats::make_stream_source) {-name -opt_start_seq -opt_start_time -filter_subject -external -subject_transforms -consumer -api -deliver}
set ::syntax(nats::make_subject_transform) p*
set ::option(nats::make_subject_transform) {-src -dest}
set ::syntax(nats::make_republish) p*
set ::option(nats::make_republish) {-src -dest -headers_only}
set {::syntax(nats::header add)} {n x x}
set {::syntax(nats::header set)} {n x x x*}
set {::syntax(nats::header delete)} {n x}
set {::syntax(nats::header get)} {x x}
set {::syntax(nats::header values)} {x x}
set {::syntax(nats::header keys)} {x x?}
set {::syntax(nats::header lookup)} {x x x}
set {::syntax(nats::msg create)} {x p*}
set {::option(nats::msg create)} {-data -reply}
set {::syntax(nats::msg set)} {n x x}
set {::syntax(nats::msg subject)} x
set {::syntax(nats::msg data)} x
set {::syntax(nats::msg reply)} x
set {::syntax(nats::msg no_responders)} x
set {::syntax(nats::msg idle_heartbeat)} x
set {::syntax(nats::msg flow_control)} x
set {::syntax(nats::msg service_error)} x
set {::syntax(nats::msg seq)} x
set {::syntax(nats::msg timestamp)} x
set ::syntax(nats::help) {x? x?}
set ::syntax(nats::isotime_to_msec) x
set ::syntax(nats::msec_to_isotime) {x x?}
set ::syntax(nats::mymethod) {x x*}
set ::syntax(nats::timestamp) 0
set {::syntax(nats::connection new)} x*
set {::option(nats::connection new)} {-logger -log_chan -log_level}
set {::syntax(nats::connection create)} {x x*}
set {::option(nats::connection create)} {-logger -log_chan -log_level}
set {::syntax(nats::connection destroy)} 0
set {::syntax(nats::jet_stream destroy)} 0
set {::syntax(nats::ordered_consumer destroy)} 0
set {::syntax(nats::pull_consumer destroy)} 0
set {::syntax(nats::key_value destroy)} 0
set {::syntax(nats::kv_watcher destroy)} 0
set {::syntax(nats::kv_lock destroy)} 0
set {::syntax(nats::kv_election destroy)} 0
set {::syntax(nats::kv_member destroy)} 0
set {::syntax(nats::object_store destroy)} 0
set {::syntax(nats::object_watcher destroy)} 0
set {::syntax(nats::service destroy)} 0
set {::syntax(nats::service_group destroy)} 0
set {::syntax(nats::server start)} p*
set {::option(nats::server start)} {-port -host -jetstream -store_dir -config -args -binary -timeout}
set {::syntax(nats::server stop)} {x p*}
set {::option(nats::server stop)} -keep
set {::syntax(nats::server kill)} x
set {::syntax(nats::server restart)} {x p*}
set {::option(nats::server restart)} {-port -host -jetstream -store_dir -config -args -binary -timeout}
set {::syntax(nats::server pause)} x
set {::syntax(nats::server resume)} x
set {::syntax(nats::server signal)} {x x}
set {::syntax(nats::server url)} x
set {::syntax(nats::server port)} x
set {::syntax(nats::server pid)} x
set {::syntax(nats::server store_dir)} x
set {::syntax(nats::server log_file)} x
set {::syntax(nats::server log)} x
set {::syntax(nats::server state)} x
set {::syntax(nats::server handles)} 0
set {::syntax(nats::browser open)} {x p*}
set {::option(nats::browser open)} {-parent -read_only}
set {::syntax(nats::browser windows)} 0
set {::syntax(nats::browser select)} {x x x?}
set {::syntax(nats::browser use_theme)} 0
set ::syntax(_obj,nats::connection) {s x*}
set ::subCmd(_obj,nats::connection) {cget configure reset connect disconnect drain publish publish_msg subscribe unsubscribe request request_msg cancel_request ping rtt statistics reconnect inbox current_server all_servers server_info jet_stream service services destroy}
set {::syntax(_obj,nats::connection cget)} x
set {::syntax(_obj,nats::connection configure)} {o. p*}
set {::option(_obj,nats::connection configure)} {-servers -name -pedantic -verbose -randomize -connect_timeout -reconnect_time_wait -custom_reconnect_delay -max_reconnect_attempts -ping_interval -max_outstanding_pings -echo -tls_opts -user -password -token -secure -check_subjects -dictmsg -utf8_convert -request_timeout -nkey -credentials -tls_first -busy_poll -reconnect_jitter -discovery_interval -inbox_prefix -ignore_discovered -auth_callback -max_pending}
set {::syntax(_obj,nats::connection reset)} x*
set {::syntax(_obj,nats::connection connect)} o*
set {::option(_obj,nats::connection connect)} -async
set {::syntax(_obj,nats::connection disconnect)} 0
set {::syntax(_obj,nats::connection drain)} p*
set {::option(_obj,nats::connection drain)} -timeout
set {::syntax(_obj,nats::connection publish)} {x x x*}
set {::option(_obj,nats::connection publish)} {-reply -header -check_subj -wait}
set {::syntax(_obj,nats::connection publish_msg)} x
set {::syntax(_obj,nats::connection subscribe)} {x p*}
set {::option(_obj,nats::connection subscribe)} {-callback -queue -max_msgs -dictmsg -post}
set {::syntax(_obj,nats::connection unsubscribe)} {x p*}
set {::option(_obj,nats::connection unsubscribe)} {-max_msgs -drain}
set {::syntax(_obj,nats::connection request)} {x x p*}
set {::option(_obj,nats::connection request)} {-timeout -callback -dictmsg -service -max_msgs -stall -sentinel -header -check_subj}
set {::syntax(_obj,nats::connection request_msg)} {x p*}
set {::option(_obj,nats::connection request_msg)} {-timeout -callback -dictmsg -service}
set {::syntax(_obj,nats::connection cancel_request)} x
set {::syntax(_obj,nats::connection ping)} p*
set {::option(_obj,nats::connection ping)} -timeout
set {::syntax(_obj,nats::connection rtt)} p*
set {::option(_obj,nats::connection rtt)} -timeout
set {::syntax(_obj,nats::connection statistics)} p*
set {::option(_obj,nats::connection statistics)} -reset
set {::syntax(_obj,nats::connection reconnect)} 0
set {::syntax(_obj,nats::connection inbox)} 0
set {::syntax(_obj,nats::connection current_server)} 0
set {::syntax(_obj,nats::connection all_servers)} 0
set {::syntax(_obj,nats::connection server_info)} 0
set {::syntax(_obj,nats::connection jet_stream)} p*
set {::option(_obj,nats::connection jet_stream)} {-timeout -domain -api_prefix -trace}
set {::syntax(_obj,nats::connection service)} {x p*}
set {::option(_obj,nats::connection service)} {-version -description -metadata -queue_group -stats_handler -api_prefix}
set {::syntax(_obj,nats::connection services)} {x x*}
set {::option(_obj,nats::connection services)} {-timeout -stall -max_msgs -api_prefix -callback}
set {::syntax(_obj,nats::connection destroy)} 0
set {::return(nats::connection new)} _obj,nats::connection
set {::return(nats::connection create)} _obj,nats::connection
set ::syntax(_obj,nats::jet_stream) {s x*}
set ::subCmd(_obj,nats::jet_stream) {api_prefix timeout account_info publish publish_msg publish_many publish_atomic ack ack_sync nak in_progress term add_stream update_stream add_stream_from_json delete_stream purge_stream stream_info stream_infos stream_names stream_msg_get stream_direct_get stream_msgs_get stream_msg_delete add_consumer update_consumer add_pull_consumer add_push_consumer add_consumer_from_json delete_consumer consumer_info consumer_infos consumer_names pause_consumer resume_consumer unpin_consumer fetch consume cancel_pull_request pull_consumer ordered_consumer bind_kv_bucket create_kv_bucket create_kv_aggregate create_kv_mirror update_kv_bucket create_or_update_kv_bucket add_kv_origin remove_kv_origin delete_kv_bucket kv_buckets kv_statuses empty_kv_bucket create_object_store bind_object_store update_object_store delete_object_store object_stores destroy}
set {::syntax(_obj,nats::jet_stream api_prefix)} 0
set {::syntax(_obj,nats::jet_stream timeout)} 0
set {::syntax(_obj,nats::jet_stream account_info)} 0
set {::syntax(_obj,nats::jet_stream publish)} {x x p*}
set {::option(_obj,nats::jet_stream publish)} {-timeout -callback -stream -msg_id -expected_last_msg_id -expected_last_seq -expected_last_subject_seq -ttl -schedule -schedule_target -schedule_ttl -schedule_source -schedule_time_zone -schedule_rollup -header}
set {::syntax(_obj,nats::jet_stream publish_msg)} {x p*}
set {::option(_obj,nats::jet_stream publish_msg)} {-timeout -callback -stream -msg_id -expected_last_msg_id -expected_last_seq -expected_last_subject_seq -ttl -schedule -schedule_target -schedule_ttl -schedule_source -schedule_time_zone -schedule_rollup}
set {::syntax(_obj,nats::jet_stream publish_many)} {x p*}
set {::option(_obj,nats::jet_stream publish_many)} {-timeout -window -errors}
set {::syntax(_obj,nats::jet_stream publish_atomic)} {x p*}
set {::option(_obj,nats::jet_stream publish_atomic)} -timeout
set {::syntax(_obj,nats::jet_stream ack)} x
set {::syntax(_obj,nats::jet_stream ack_sync)} x
set {::syntax(_obj,nats::jet_stream nak)} {x p*}
set {::option(_obj,nats::jet_stream nak)} -delay
set {::syntax(_obj,nats::jet_stream in_progress)} x
set {::syntax(_obj,nats::jet_stream term)} {x p*}
set {::option(_obj,nats::jet_stream term)} -reason
set {::syntax(_obj,nats::jet_stream add_stream)} {x p*}
set {::option(_obj,nats::jet_stream add_stream)} {-description -subjects -retention -max_consumers -max_msgs -max_bytes -discard -max_age -max_msgs_per_subject -max_msg_size -storage -num_replicas -no_ack -duplicate_window -sealed -deny_delete -deny_purge -allow_rollup_hdrs -allow_direct -mirror_direct -mirror -sources -compression -first_seq -subject_transform -republish -metadata -placement -discard_new_per_subject -consumer_limits -allow_msg_ttl -subject_delete_marker_ttl -allow_msg_counter -allow_atomic -allow_batched -allow_msg_schedules -persist_mode}
set {::syntax(_obj,nats::jet_stream update_stream)} {x p*}
set {::option(_obj,nats::jet_stream update_stream)} {-description -subjects -retention -max_consumers -max_msgs -max_bytes -discard -max_age -max_msgs_per_subject -max_msg_size -storage -num_replicas -no_ack -duplicate_window -sealed -deny_delete -deny_purge -allow_rollup_hdrs -allow_direct -mirror_direct -mirror -sources -compression -first_seq -subject_transform -republish -metadata -placement -discard_new_per_subject -consumer_limits -allow_msg_ttl -subject_delete_marker_ttl -allow_msg_counter -allow_atomic -allow_batched -allow_msg_schedules -persist_mode}
set {::syntax(_obj,nats::jet_stream add_stream_from_json)} x
set {::syntax(_obj,nats::jet_stream delete_stream)} x
set {::syntax(_obj,nats::jet_stream purge_stream)} {x p*}
set {::option(_obj,nats::jet_stream purge_stream)} {-filter -keep -seq}
set {::syntax(_obj,nats::jet_stream stream_info)} x
set {::syntax(_obj,nats::jet_stream stream_infos)} p*
set {::option(_obj,nats::jet_stream stream_infos)} -subject
set {::syntax(_obj,nats::jet_stream stream_names)} p*
set {::option(_obj,nats::jet_stream stream_names)} -subject
set {::syntax(_obj,nats::jet_stream stream_msg_get)} {x p*}
set {::option(_obj,nats::jet_stream stream_msg_get)} {-seq -last_by_subj -next_by_subj}
set {::syntax(_obj,nats::jet_stream stream_direct_get)} {x p*}
set {::option(_obj,nats::jet_stream stream_direct_get)} {-seq -last_by_subj -next_by_subj}
set {::syntax(_obj,nats::jet_stream stream_msgs_get)} {x p*}
set {::option(_obj,nats::jet_stream stream_msgs_get)} {-last_by_subj -next_by_subj -seq -start_time -batch -max_bytes -up_to_seq -up_to_time}
set {::syntax(_obj,nats::jet_stream stream_msg_delete)} {x p*}
set {::option(_obj,nats::jet_stream stream_msg_delete)} {-seq -no_erase}
set {::syntax(_obj,nats::jet_stream add_consumer)} {x p*}
set {::option(_obj,nats::jet_stream add_consumer)} {-name -durable_name -description -deliver_policy -opt_start_seq -opt_start_time -ack_policy -ack_wait -max_deliver -filter_subject -replay_policy -rate_limit_bps -sample_freq -max_waiting -max_ack_pending -flow_control -headers_only -mem_storage -idle_heartbeat -deliver_subject -deliver_group -inactive_threshold -num_replicas -metadata -filter_subjects -backoff -max_batch -max_expires -max_bytes -pause_until -priority_groups -priority_policy -priority_timeout}
set {::syntax(_obj,nats::jet_stream update_consumer)} {x p*}
set {::option(_obj,nats::jet_stream update_consumer)} {-name -durable_name -description -deliver_policy -opt_start_seq -opt_start_time -ack_policy -ack_wait -max_deliver -filter_subject -replay_policy -rate_limit_bps -sample_freq -max_waiting -max_ack_pending -flow_control -headers_only -mem_storage -idle_heartbeat -deliver_subject -deliver_group -inactive_threshold -num_replicas -metadata -filter_subjects -backoff -max_batch -max_expires -max_bytes -pause_until -priority_groups -priority_policy -priority_timeout}
set {::syntax(_obj,nats::jet_stream add_pull_consumer)} {x x p*}
set {::option(_obj,nats::jet_stream add_pull_consumer)} {-name -durable_name -description -deliver_policy -opt_start_seq -opt_start_time -ack_policy -ack_wait -max_deliver -filter_subject -replay_policy -rate_limit_bps -sample_freq -max_waiting -max_ack_pending -flow_control -headers_only -mem_storage -idle_heartbeat -deliver_subject -deliver_group -inactive_threshold -num_replicas -metadata -filter_subjects -backoff -max_batch -max_expires -max_bytes -pause_until -priority_groups -priority_policy -priority_timeout}
set {::syntax(_obj,nats::jet_stream add_push_consumer)} {x x x p*}
set {::option(_obj,nats::jet_stream add_push_consumer)} {-name -durable_name -description -deliver_policy -opt_start_seq -opt_start_time -ack_policy -ack_wait -max_deliver -filter_subject -replay_policy -rate_limit_bps -sample_freq -max_waiting -max_ack_pending -flow_control -headers_only -mem_storage -idle_heartbeat -deliver_subject -deliver_group -inactive_threshold -num_replicas -metadata -filter_subjects -backoff -max_batch -max_expires -max_bytes -pause_until -priority_groups -priority_policy -priority_timeout}
set {::syntax(_obj,nats::jet_stream add_consumer_from_json)} {x x x}
set {::syntax(_obj,nats::jet_stream delete_consumer)} {x x}
set {::syntax(_obj,nats::jet_stream consumer_info)} {x x}
set {::syntax(_obj,nats::jet_stream consumer_infos)} x
set {::syntax(_obj,nats::jet_stream consumer_names)} x
set {::syntax(_obj,nats::jet_stream pause_consumer)} {x x p*}
set {::option(_obj,nats::jet_stream pause_consumer)} {-until -for}
set {::syntax(_obj,nats::jet_stream resume_consumer)} {x x}
set {::syntax(_obj,nats::jet_stream unpin_consumer)} {x x x}
set {::syntax(_obj,nats::jet_stream fetch)} {x x p*}
set {::option(_obj,nats::jet_stream fetch)} {-batch_size -timeout -expires -callback}
set {::syntax(_obj,nats::jet_stream consume)} {x x p*}
set {::option(_obj,nats::jet_stream consume)} {-batch_size -timeout -expires -callback}
set {::syntax(_obj,nats::jet_stream cancel_pull_request)} x
set {::syntax(_obj,nats::jet_stream pull_consumer)} {x x p*}
set {::option(_obj,nats::jet_stream pull_consumer)} {-callback -batch_size -max_bytes -threshold -expires -idle_heartbeat -group -min_pending -min_ack_pending -priority}
set {::syntax(_obj,nats::jet_stream ordered_consumer)} {x p*}
set {::option(_obj,nats::jet_stream ordered_consumer)} {-callback -filter_subject -filter_subjects -description -headers_only -deliver_policy -opt_start_seq -opt_start_time -idle_heartbeat}
set {::syntax(_obj,nats::jet_stream bind_kv_bucket)} {x p*}
set {::option(_obj,nats::jet_stream bind_kv_bucket)} {-key_codec -value_codec}
set {::syntax(_obj,nats::jet_stream create_kv_bucket)} {x p*}
set {::option(_obj,nats::jet_stream create_kv_bucket)} {-description -max_value_size -history -ttl -max_bucket_size -storage -num_replicas -compression -metadata -placement -republish -limit_marker_ttl -allow_msg_ttl -allow_atomic -counters -key_codec -value_codec -mirror_name -mirror_domain}
set {::syntax(_obj,nats::jet_stream create_kv_aggregate)} {x x x p*}
set {::option(_obj,nats::jet_stream create_kv_aggregate)} {-description -max_value_size -history -ttl -max_bucket_size -storage -num_replicas -compression -metadata -placement -republish -limit_marker_ttl -allow_msg_ttl -allow_atomic -counters -key_codec -value_codec}
set {::syntax(_obj,nats::jet_stream create_kv_mirror)} {x x p*}
set {::option(_obj,nats::jet_stream create_kv_mirror)} {-description -max_value_size -history -ttl -max_bucket_size -storage -num_replicas -compression -metadata -placement -republish -limit_marker_ttl -allow_msg_ttl -allow_atomic -counters -key_codec -value_codec}
set {::syntax(_obj,nats::jet_stream update_kv_bucket)} {x p*}
set {::option(_obj,nats::jet_stream update_kv_bucket)} {-description -max_value_size -history -ttl -max_bucket_size -storage -num_replicas -compression -metadata -placement -republish -limit_marker_ttl -allow_msg_ttl -allow_atomic -counters -allow_direct}
set {::syntax(_obj,nats::jet_stream create_or_update_kv_bucket)} {x p*}
set {::option(_obj,nats::jet_stream create_or_update_kv_bucket)} {-description -max_value_size -history -ttl -max_bucket_size -storage -num_replicas -compression -metadata -placement -republish -limit_marker_ttl -allow_msg_ttl -allow_atomic -counters -key_codec -value_codec}
set {::syntax(_obj,nats::jet_stream add_kv_origin)} {x x}
set {::syntax(_obj,nats::jet_stream remove_kv_origin)} {x x p*}
set {::option(_obj,nats::jet_stream remove_kv_origin)} {-stream -purge}
set {::syntax(_obj,nats::jet_stream delete_kv_bucket)} x
set {::syntax(_obj,nats::jet_stream kv_buckets)} 0
set {::syntax(_obj,nats::jet_stream kv_statuses)} 0
set {::syntax(_obj,nats::jet_stream empty_kv_bucket)} x
set {::syntax(_obj,nats::jet_stream create_object_store)} {x p*}
set {::option(_obj,nats::jet_stream create_object_store)} {-description -ttl -max_bucket_size -num_replicas -compression -metadata -placement -storage}
set {::syntax(_obj,nats::jet_stream bind_object_store)} x
set {::syntax(_obj,nats::jet_stream update_object_store)} {x p*}
set {::option(_obj,nats::jet_stream update_object_store)} {-description -ttl -max_bucket_size -num_replicas -compression -metadata -placement}
set {::syntax(_obj,nats::jet_stream delete_object_store)} x
set {::syntax(_obj,nats::jet_stream object_stores)} 0
set {::syntax(_obj,nats::jet_stream destroy)} 0
set ::syntax(_obj,nats::ordered_consumer) {s x*}
set ::subCmd(_obj,nats::ordered_consumer) {info name destroy}
set {::syntax(_obj,nats::ordered_consumer info)} 0
set {::syntax(_obj,nats::ordered_consumer name)} 0
set {::syntax(_obj,nats::ordered_consumer destroy)} 0
set ::syntax(_obj,nats::pull_consumer) {s x*}
set ::subCmd(_obj,nats::pull_consumer) {info name drain stop destroy}
set {::syntax(_obj,nats::pull_consumer info)} 0
set {::syntax(_obj,nats::pull_consumer name)} 0
set {::syntax(_obj,nats::pull_consumer drain)} 0
set {::syntax(_obj,nats::pull_consumer stop)} 0
set {::syntax(_obj,nats::pull_consumer destroy)} 0
set ::syntax(_obj,nats::key_value) {s x*}
set ::subCmd(_obj,nats::key_value) {get get_value get_many put create update delete purge revert touch status incr reset transaction history keys count purge_deletes compact watch lock elect join modify export import copy destroy}
set {::syntax(_obj,nats::key_value get)} {x p*}
set {::option(_obj,nats::key_value get)} {-revision -header}
set {::syntax(_obj,nats::key_value get_value)} {x p*}
set {::option(_obj,nats::key_value get_value)} -revision
set {::syntax(_obj,nats::key_value get_many)} {x p*}
set {::option(_obj,nats::key_value get_many)} {-values -deletes -at_revision -at_time -min_revision -revision_var -header -consistent}
set {::option(_obj,nats::key_value get_many -revision_var)} n
set {::syntax(_obj,nats::key_value put)} {x x p*}
set {::option(_obj,nats::key_value put)} {-ttl -header}
set {::syntax(_obj,nats::key_value create)} {x x p*}
set {::option(_obj,nats::key_value create)} {-ttl -header}
set {::syntax(_obj,nats::key_value update)} {x x x p*}
set {::option(_obj,nats::key_value update)} {-ttl -header}
set {::syntax(_obj,nats::key_value delete)} {x x?}
set {::syntax(_obj,nats::key_value purge)} {x p*}
set {::option(_obj,nats::key_value purge)} {-revision -ttl}
set {::syntax(_obj,nats::key_value revert)} {x x}
set {::syntax(_obj,nats::key_value touch)} {x p*}
set {::option(_obj,nats::key_value touch)} -ttl
set {::syntax(_obj,nats::key_value status)} 0
set {::syntax(_obj,nats::key_value incr)} {x x*}
set {::option(_obj,nats::key_value incr)} -msg_id
set {::syntax(_obj,nats::key_value reset)} x
set {::syntax(_obj,nats::key_value transaction)} {x p*}
set {::option(_obj,nats::key_value transaction)} {-timeout -lock}
set {::syntax(_obj,nats::key_value history)} x
set {::syntax(_obj,nats::key_value keys)} x*
set {::option(_obj,nats::key_value keys)} {-callback -batch_size}
set {::syntax(_obj,nats::key_value count)} x?
set {::syntax(_obj,nats::key_value purge_deletes)} x*
set {::option(_obj,nats::key_value purge_deletes)} -older_than
set {::syntax(_obj,nats::key_value compact)} x*
set {::option(_obj,nats::key_value compact)} -keep
set {::syntax(_obj,nats::key_value watch)} x*
set {::option(_obj,nats::key_value watch)} {-callback -values_array -keys -state_callback -reconcile -include_history -meta_only -header -ignore_deletes -updates_only -idle_heartbeat -from_revision -operations -writable -conflict -error_callback -delay -ttl}
set {::option(_obj,nats::key_value watch -values_array)} n
set {::syntax(_obj,nats::key_value lock)} {x p*}
set {::option(_obj,nats::key_value lock)} {-ttl -value -watchdog -try -timeout -on_lost -renew}
set {::syntax(_obj,nats::key_value elect)} {x p*}
set {::option(_obj,nats::key_value elect)} {-callback -ttl -value -watchdog}
set {::syntax(_obj,nats::key_value join)} {x p*}
set {::option(_obj,nats::key_value join)} {-id -callback -ttl -value -watchdog}
set {::syntax(_obj,nats::key_value modify)} {x n c p*}
set {::option(_obj,nats::key_value modify)} {-attempts -ttl}
set {::syntax(_obj,nats::key_value export)} p*
set {::option(_obj,nats::key_value export)} {-file -channel -keys -history -consistent -progress}
set {::syntax(_obj,nats::key_value import)} p*
set {::option(_obj,nats::key_value import)} {-file -channel -keys -exists -deletes -partial -window -progress}
set {::syntax(_obj,nats::key_value copy)} {x p*}
set {::option(_obj,nats::key_value copy)} {-keys -exists -history -progress}
set {::syntax(_obj,nats::key_value destroy)} 0
set ::syntax(_obj,nats::kv_watcher) {s x*}
set ::subCmd(_obj,nats::kv_watcher) {consumer revision status unsaved flush destroy}
set {::syntax(_obj,nats::kv_watcher consumer)} 0
set {::syntax(_obj,nats::kv_watcher revision)} 0
set {::syntax(_obj,nats::kv_watcher status)} 0
set {::syntax(_obj,nats::kv_watcher unsaved)} 0
set {::syntax(_obj,nats::kv_watcher flush)} p*
set {::option(_obj,nats::kv_watcher flush)} -timeout
set {::syntax(_obj,nats::kv_watcher destroy)} 0
set ::syntax(_obj,nats::kv_lock) {s x*}
set ::subCmd(_obj,nats::kv_lock) {held token revision remaining key release destroy}
set {::syntax(_obj,nats::kv_lock held)} 0
set {::syntax(_obj,nats::kv_lock token)} 0
set {::syntax(_obj,nats::kv_lock revision)} 0
set {::syntax(_obj,nats::kv_lock remaining)} 0
set {::syntax(_obj,nats::kv_lock key)} 0
set {::syntax(_obj,nats::kv_lock release)} 0
set {::syntax(_obj,nats::kv_lock destroy)} 0
set ::syntax(_obj,nats::kv_election) {s x*}
set ::subCmd(_obj,nats::kv_election) {is_leader token leader resign destroy}
set {::syntax(_obj,nats::kv_election is_leader)} 0
set {::syntax(_obj,nats::kv_election token)} 0
set {::syntax(_obj,nats::kv_election leader)} 0
set {::syntax(_obj,nats::kv_election resign)} 0
set {::syntax(_obj,nats::kv_election destroy)} 0
set ::syntax(_obj,nats::kv_member) {s x*}
set ::subCmd(_obj,nats::kv_member) {members set leave destroy}
set {::syntax(_obj,nats::kv_member members)} 0
set {::syntax(_obj,nats::kv_member set)} x
set {::syntax(_obj,nats::kv_member leave)} 0
set {::syntax(_obj,nats::kv_member destroy)} 0
set ::syntax(_obj,nats::object_store) {s x*}
set ::subCmd(_obj,nats::object_store) {put put_file put_channel get get_file get_channel info update_meta delete link link_bucket list names watch seal status sweep bucket destroy}
set {::syntax(_obj,nats::object_store put)} {x x p*}
set {::option(_obj,nats::object_store put)} {-description -headers -metadata -chunk_size -revision -timeout -progress}
set {::syntax(_obj,nats::object_store put_file)} {x x p*}
set {::option(_obj,nats::object_store put_file)} {-description -headers -metadata -chunk_size -revision -timeout -progress}
set {::syntax(_obj,nats::object_store put_channel)} {x x p*}
set {::option(_obj,nats::object_store put_channel)} {-description -headers -metadata -chunk_size -revision -timeout -progress}
set {::syntax(_obj,nats::object_store get)} {x p*}
set {::option(_obj,nats::object_store get)} {-timeout -progress}
set {::syntax(_obj,nats::object_store get_file)} {x x p*}
set {::option(_obj,nats::object_store get_file)} {-timeout -progress}
set {::syntax(_obj,nats::object_store get_channel)} {x x p*}
set {::option(_obj,nats::object_store get_channel)} {-timeout -progress}
set {::syntax(_obj,nats::object_store info)} {x p*}
set {::option(_obj,nats::object_store info)} -show_deleted
set {::syntax(_obj,nats::object_store update_meta)} {x p*}
set {::option(_obj,nats::object_store update_meta)} {-name -description -headers -metadata -revision}
set {::syntax(_obj,nats::object_store delete)} {x p*}
set {::option(_obj,nats::object_store delete)} -revision
set {::syntax(_obj,nats::object_store link)} {x x p*}
set {::option(_obj,nats::object_store link)} -bucket
set {::syntax(_obj,nats::object_store link_bucket)} {x x}
set {::syntax(_obj,nats::object_store list)} p*
set {::option(_obj,nats::object_store list)} -show_deleted
set {::syntax(_obj,nats::object_store names)} 0
set {::syntax(_obj,nats::object_store watch)} p*
set {::option(_obj,nats::object_store watch)} {-callback -ignore_deletes -updates_only -idle_heartbeat}
set {::syntax(_obj,nats::object_store seal)} 0
set {::syntax(_obj,nats::object_store status)} 0
set {::syntax(_obj,nats::object_store sweep)} p*
set {::option(_obj,nats::object_store sweep)} {-older_than -dry_run}
set {::syntax(_obj,nats::object_store bucket)} 0
set {::syntax(_obj,nats::object_store destroy)} 0
set ::syntax(_obj,nats::object_watcher) {s x*}
set ::subCmd(_obj,nats::object_watcher) {consumer destroy}
set {::syntax(_obj,nats::object_watcher consumer)} 0
set {::syntax(_obj,nats::object_watcher destroy)} 0
set ::syntax(_obj,nats::service) {s x*}
set ::subCmd(_obj,nats::service) {endpoint group respond respond_error info stats reset stop id name destroy}
set {::syntax(_obj,nats::service endpoint)} {x p*}
set {::option(_obj,nats::service endpoint)} {-callback -subject -queue_group -metadata -respond -max_concurrent}
set {::syntax(_obj,nats::service group)} {x p*}
set {::option(_obj,nats::service group)} -queue_group
set {::syntax(_obj,nats::service respond)} {x x p*}
set {::option(_obj,nats::service respond)} -header
set {::syntax(_obj,nats::service respond_error)} {x x x x*}
set {::option(_obj,nats::service respond_error)} -header
set {::syntax(_obj,nats::service info)} 0
set {::syntax(_obj,nats::service stats)} 0
set {::syntax(_obj,nats::service reset)} 0
set {::syntax(_obj,nats::service stop)} p*
set {::option(_obj,nats::service stop)} -timeout
set {::syntax(_obj,nats::service id)} 0
set {::syntax(_obj,nats::service name)} 0
set {::syntax(_obj,nats::service destroy)} 0
set ::syntax(_obj,nats::service_group) {s x*}
set ::subCmd(_obj,nats::service_group) {endpoint group destroy}
set {::syntax(_obj,nats::service_group endpoint)} {x p*}
set {::option(_obj,nats::service_group endpoint)} {-callback -subject -queue_group -metadata -respond -max_concurrent}
set {::syntax(_obj,nats::service_group group)} {x p*}
set {::option(_obj,nats::service_group group)} -queue_group
set {::syntax(_obj,nats::service_group destroy)} 0
set ::return(nats::connect) _obj,nats::connection
set {::return(_obj,nats::connection jet_stream)} _obj,nats::jet_stream
set {::return(_obj,nats::connection service)} _obj,nats::service
set {::return(_obj,nats::jet_stream ordered_consumer)} _obj,nats::ordered_consumer
set {::return(_obj,nats::jet_stream pull_consumer)} _obj,nats::pull_consumer
set {::return(_obj,nats::jet_stream bind_kv_bucket)} _obj,nats::key_value
set {::return(_obj,nats::jet_stream create_kv_bucket)} _obj,nats::key_value
set {::return(_obj,nats::jet_stream create_kv_aggregate)} _obj,nats::key_value
set {::return(_obj,nats::jet_stream create_or_update_kv_bucket)} _obj,nats::key_value
set {::return(_obj,nats::jet_stream create_object_store)} _obj,nats::object_store
set {::return(_obj,nats::jet_stream bind_object_store)} _obj,nats::object_store
set {::return(_obj,nats::key_value watch)} _obj,nats::kv_watcher
set {::return(_obj,nats::key_value lock)} _obj,nats::kv_lock
set {::return(_obj,nats::key_value elect)} _obj,nats::kv_election
set {::return(_obj,nats::key_value join)} _obj,nats::kv_member
set {::return(_obj,nats::object_store watch)} _obj,nats::object_watcher
set {::return(_obj,nats::service group)} _obj,nats::service_group
set {::return(_obj,nats::service_group group)} _obj,nats::service_group
