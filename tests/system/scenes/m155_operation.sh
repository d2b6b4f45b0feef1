# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2154,SC2086 # variables of scene.sh, which are one word each
#
# Settings that are wrong when jobd starts: refused once, with the sentence where an administrator looks. And
# numbers for a collector of metrics, written by a timer.

job=$(as alice submit sh -c 'read x <>/var/lib/scenes/silent')
check "a job runs" await state_is alice "$job" running
printf '[Pool]\nWorkers=many\n' >/etc/jobd/jobd.conf.d/wrong.conf
check "jobd does not start with a wrong setting" status_is 1 saying systemctl restart jobd.service
saying systemctl status --no-pager jobd.service
check "its status says why" said "cannot start" wrong.conf:2
check "it is not tried again" is "$(of_unit jobd.service SubState)" failed
rm /etc/jobd/jobd.conf.d/wrong.conf
systemctl reset-failed jobd.service jobd.socket 2>/dev/null
check "put right, it starts" systemctl start jobd.socket jobd.service
check "the job runs on" await state_is alice "$job" running
saying as alice cancel "$job"

folder=/var/lib/prometheus/node-exporter
mkdir -p $folder
check "the collector's file is written" systemctl start jobd-metrics.service
check "by root, for all to read" is "$(stat -c '%U %a' $folder/jobd.prom)" "root 644"
check "with numbers of all users" grep -q '^jobd_user_.*user="alice"' $folder/jobd.prom
check "and of the tasks" grep -q '^jobd_tasks{.*state="running"' $folder/jobd.prom
check "its timer is not on by default" is "$(systemctl is-enabled jobd-metrics.timer)" disabled
check "but can be" systemctl -q enable --now jobd-metrics.timer
systemctl stop jobd.service 2>/dev/null
check "without jobd there are no numbers" status_is 1 saying systemctl start jobd-metrics.service
check "it stops with jobd, which it does not start" is "$(systemctl is-active jobd-metrics.timer jobd.service | tr '\n' ' ')" "inactive inactive "
systemctl start jobd.service
check "and starts with it" is "$(systemctl is-active jobd-metrics.timer)" active
systemctl -q disable --now jobd-metrics.timer
rm -r /var/lib/prometheus
