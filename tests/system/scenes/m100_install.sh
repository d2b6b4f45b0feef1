# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2154,SC2086 # variables of scene.sh, which are one word each
#
# From a folder with packages to the first job: one command. What is there afterwards, and how open it is.
# Leaves four workers, whatever the machine has, and carol among the administrators.

first_job() {
        apt-get install -y /root/packages/old/*.deb >$state/apt 2>&1 && as alice run echo "the first job" >$state/first
}

started=$SECONDS
check "one command installs, and the first job runs" first_job
say "in $((SECONDS - started)) s of this slow machine"
[ -s $state/first ] || sed 's/^/     | /' $state/apt
check "it said what it was to say" is "$(cat $state/first)" "the first job"
for unit in jobd.socket jobd.service jobd-workers.service; do
        check "$unit is active" is "$(systemctl is-active $unit)" active
        check "$unit is enabled for the next boot" is "$(systemctl is-enabled $unit)" enabled
done
check "no unit of the machine has failed" is "$(systemctl list-units --failed --plain --no-legend)" ""
check "jobs are held by control groups" journal_says "held by cgroup v2" -u jobd-workers
version=$(dpkg-query -W -f '${Version}' jobd)
check "jobctl and jobd have the package's version" is \
        "$(jobctl version | grep -oF "${version%-*}" | wc -l)" 2
say "$(dpkg-query -W -f '${Package} ${Version}, ${Installed-Size} KiB; ' '*job*' 2>/dev/null)"
echo '# a line of the administrator' >>/etc/jobd/jobd.conf
check "root's settings can be changed, and are read" sh -c 'mkdir -p /etc/jobd/jobd.conf.d &&
        printf "[Pool]\nWorkers=4\nCores=4\n" >/etc/jobd/jobd.conf.d/scenes.conf && jobctl reload 2>/dev/null'
check "four workers come" await workers_connected 4
check "the package's own test passes" saying sh $here/first-job
check "and has run a job" said "the first job ran"
check "carol is an administrator" usermod -a -G jobd-admin carol
for unit in jobd.service jobd-workers.service; do
        say "systemd-analyze security $unit: $(systemd-analyze security --no-pager $unit | sed -n 's/.*Overall exposure level for [^:]*: //p')"
done
check "root's policy for jobs can be changed" sh -c 'printf "[Jobs]\nTasksMax=64\n" >/etc/jobd/worker-policy.conf'
check "it counts for the workers that start from now on" systemctl restart jobd-workers.service
check "four workers come again" await workers_connected 4
